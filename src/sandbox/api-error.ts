import { RESTJSONErrorCodes as Code } from 'discord-api-types/v10';
import type { z } from 'zod/mini';

/** An answer of Discord's other than success: HTTP status and the JSON body that libraries read. */
export class ApiError extends Error {
  override name = 'ApiError';
  readonly status: number;
  readonly code: number;
  readonly errors: ErrorTree | undefined;

  constructor(status: number, code: number, message: string, errors?: ErrorTree) {
    super(message);
    this.status = status;
    this.code = code;
    this.errors = errors;
  }

  body() {
    return { message: this.message, code: this.code, ...(this.errors && { errors: this.errors }) };
  }
}

export const unauthorized = () => new ApiError(401, 0, '401: Unauthorized');
export const notFound = () => new ApiError(404, 0, '404: Not Found');
export const unknownMessage = () => new ApiError(404, Code.UnknownMessage, 'Unknown Message');
export const unknownChannel = () => new ApiError(404, Code.UnknownChannel, 'Unknown Channel');
export const unknownInteraction = () => new ApiError(404, Code.UnknownInteraction, 'Unknown interaction');
export const missingAccess = () => new ApiError(403, Code.MissingAccess, 'Missing Access');
export const missingPermissions = () =>
  new ApiError(403, Code.MissingPermissions, 'You lack permissions to perform that action');
export const emptyMessage = () => new ApiError(400, Code.CannotSendAnEmptyMessage, 'Cannot send an empty message');
export const entityTooLarge = () => new ApiError(413, Code.RequestEntityTooLarge, 'Request entity too large');

/** Discord's `errors`: the shape of the request, with `_errors` where something was wrong. */
export interface ErrorTree {
  [key: string]: ErrorTree | FormError[];
}
interface FormError {
  code: string;
  message: string;
}
export interface FormProblem extends FormError {
  path: readonly PropertyKey[];
}

/** 50035 Invalid Form Body. */
export function invalidForm(problems: readonly FormProblem[]): ApiError {
  const tree: ErrorTree = {};
  for (const { path, code, message } of problems) {
    const node = path.map(String).reduce<ErrorTree>((above, key) => {
      above[key] ??= {};
      return above[key] as ErrorTree;
    }, tree);
    node._errors = [...((node._errors as FormError[] | undefined) ?? []), { code, message }];
  }
  return new ApiError(400, Code.InvalidFormBodyOrContentType, 'Invalid Form Body', tree);
}

/** The request's body by Discord's published schema, or 50035 naming each field that breaks it. */
export function parseBody<T>(schema: z.ZodMiniType<unknown>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data as T;
  throw invalidForm(result.error.issues.flatMap((issue) => formProblems(issue, body)));
}

type Issue = z.core.$ZodIssue;

function formProblems(issue: Issue, body: unknown, above: readonly PropertyKey[] = []): FormProblem[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'invalid_union') {
    const branch = meantBranch(issue.errors);
    if (branch) return branch.flatMap((inner) => formProblems(inner, body, path));
  }
  return [{ path, ...describe(issue, valueAt(body, path)) }];
}

/** Of a union's alternatives the one whose `type` fitted, which is the one that the sender meant. */
const meantBranch = (branches: readonly (readonly Issue[])[]) =>
  branches.length === 1
    ? branches[0]
    : branches.find((issues) => issues.length > 0 && issues.every((issue) => !isWholeMismatch(issue)));

const isWholeMismatch = (issue: Issue) => issue.path.length === 0 || issue.path.at(-1) === 'type';

const valueAt = (body: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], body);

function describe(issue: Issue, value: unknown): FormError {
  if (value === undefined) return { code: 'BASE_TYPE_REQUIRED', message: 'This field is required' };
  switch (issue.code) {
    case 'too_big':
    case 'too_small': {
      const limit = issue.code === 'too_big' ? `${issue.maximum} or fewer` : `${issue.minimum} or more`;
      const measured = typeof value === 'number' ? 'in value' : 'in length';
      return {
        code: typeof value === 'number' ? 'NUMBER_TYPE_OUT_OF_RANGE' : 'BASE_TYPE_BAD_LENGTH',
        message: `Must be ${limit} ${measured}.`,
      };
    }
    case 'invalid_value':
      return { code: 'BASE_TYPE_CHOICES', message: `Value must be one of {${issue.values.join(', ')}}.` };
    case 'invalid_union':
      return { code: 'UNION_TYPE_CHOICES', message: 'Value fits none of the kinds allowed here.' };
    default:
      return { code: `BASE_TYPE_${issue.code.toUpperCase()}`, message: issue.message };
  }
}
