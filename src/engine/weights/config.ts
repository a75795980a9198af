import { z } from 'zod';
import { InputError } from '../../errors.ts';

/** A component's config.json asks for something that is not implemented, or isn't a config at all. */
export class ConfigError extends InputError {
  override name = 'ConfigError';
}

/** What the libraries write down for themselves or need in training only: no value of these changes a result. */
const BOOKKEEPING = new Set([
  '_class_name',
  '_commit_hash',
  '_diffusers_version',
  '_name_or_path',
  'architectures',
  'attention_dropout',
  'dropout',
  'dtype',
  'initializer_factor',
  'initializer_range',
  'model_type',
  'torch_dtype',
  'transformers_version',
]);

/** A key with one implemented value; left out it means that value, as in the original class. */
export const only = <V extends string | number | boolean | null>(value: V) => z.literal(value).default(value as never);

/** A key that the implemented block types never read. */
export const unread = () => z.unknown().optional();

/** Positive whole number. */
export const count = () => z.int().positive();

/** @param where  names the file in messages @throws ConfigError for what is no JSON object */
export function parseJsonObject(text: string, where: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`${where}: not valid JSON: ${(error as Error).message}`);
  }
  if (isObject(json)) return json;
  throw new ConfigError(`${where}: expected a JSON object, found ${show(json)}`);
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

/**
 * Reads a parsed config.json with the schema of its class.
 * @param where  shown in messages, such as `unet/config.json`
 * @throws ConfigError naming file, key, what was expected and what was found; unknown keys are refused by name.
 */
export function parseConfig<S extends z.ZodType>(schema: S, json: unknown, where: string): z.infer<S> {
  if (!isObject(json)) throw new ConfigError(`${where}: expected a JSON object, found ${show(json)}`);
  const entries = Object.entries(json).filter(([key]) => !BOOKKEEPING.has(key));
  const parsed = schema.safeParse(Object.fromEntries(entries));
  if (parsed.success) return Object.freeze(parsed.data) as z.infer<S>;
  throw new ConfigError(parsed.error.issues.map((issue) => describeIssue(issue, json, where)).join('\n'));
}

function describeIssue(issue: z.core.$ZodIssue, json: object, where: string): string {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys
      .map((key) => `${where}: ${key}: expected no such key, found ${show((json as Record<string, unknown>)[key])}`)
      .join('\n');
  }
  const found = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], json);
  return `${where}: ${issue.path.join('.')}: expected ${expected(issue)}, found ${show(found)}`;
}

function expected(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_value':
      return issue.values.map(show).join(' or ');
    case 'invalid_type':
      return issue.expected;
    case 'too_small':
      return `${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`;
    case 'too_big':
      return `${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}`;
    case 'invalid_union':
      return issue.errors.flatMap(([first]) => (first ? expected(first) : [])).join(' or ');
    default:
      return issue.message;
  }
}

const show = (value: unknown) => (value === undefined ? 'nothing' : JSON.stringify(value));
