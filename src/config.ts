import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import dotenv from 'dotenv';
import { z } from 'zod';
import { InputError } from './errors.ts';

/** The folder of package.json, wherever the code runs from (src or dist/src) and whatever the working directory. */
export const PROJECT_ROOT = packageFolder(import.meta.dirname);

export const DISCORD_API_URL = 'https://discord.com/api';
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const PRECISIONS = ['float32', 'int8', 'auto'] as const;
const PROVIDERS = ['auto', 'cpu', 'cuda', 'webgpu', 'coreml', 'dml'] as const;

const shown = (value: unknown) => JSON.stringify(value);

function wholeNumber(key: string, min: number, max: number) {
  const error = ({ input }: { input?: unknown }) =>
    `${key} must be a whole number from ${min} to ${max}, not ${shown(input)}`;
  return z
    .string()
    .refine((text) => /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max, { error })
    .transform(Number);
}

/** A secret: what was found is described, never shown. */
const DiscordToken = z.string().refine((text) => !/\s/.test(text), {
  error: 'DISCORD_TOKEN must be the bot token alone, without spaces and without "Bot " before it',
});

const DiscordApiUrl = z
  .string()
  .refine((text) => isUrl(text, 'http:', 'https:'), {
    error: ({ input }) => `DISCORD_API_URL must be a URL like ${DISCORD_API_URL}, not ${shown(input)}`,
  })
  .refine((text) => !/\/v\d+\/?$/.test(text), {
    error: ({ input }) =>
      `DISCORD_API_URL must not name the API's version: leave out ${shown(/v\d+\/?$/.exec(input as string)?.[0])}`,
  })
  .transform((text) => text.replace(/\/+$/, ''))
  .default(DISCORD_API_URL);

const GuildId = z.string().regex(/^\d{17,20}$/, {
  error: ({ input }) =>
    `DISCORD_GUILD_ID must be a server's id, 17 to 20 digits (right click on the server, Copy Server ID), not ${shown(input)}`,
});

/** May hold a password: only its scheme is shown. */
const RedisUrl = z.string().refine((text) => isUrl(text, 'redis:', 'rediss:'), {
  error: ({ input }) =>
    `REDIS_URL must be a URL like redis://localhost:6379, found ${
      URL.canParse(input as string)
        ? `one that begins with ${shown(new URL(input as string).protocol)}`
        : 'something that is no URL'
    }`,
});

/** The keys of the environment and of .env; each is explained in .env.example. */
const Environment = z
  .object({
    DISCORD_TOKEN: DiscordToken.optional(),
    DISCORD_API_URL: DiscordApiUrl,
    DISCORD_GUILD_ID: GuildId.optional(),
    REDIS_URL: RedisUrl.optional(),
    DATA_DIR: z.string().default('data'),
    MODEL_DIR: z.string().default(join('models', 'emoji-v9')),
    ENGINE_THREADS: wholeNumber('ENGINE_THREADS', 1, 1024).default(availableParallelism()),
    ENGINE_PROVIDER: z
      .enum(PROVIDERS, {
        error: ({ input }) => `ENGINE_PROVIDER must be one of ${PROVIDERS.join(', ')}, not ${shown(input)}`,
      })
      .default('auto'),
    ENGINE_PRECISION: z
      .enum(PRECISIONS, {
        error: ({ input }) => `ENGINE_PRECISION must be one of ${PRECISIONS.join(', ')}, not ${shown(input)}`,
      })
      .default('auto'),
    ENGINE_CONCURRENCY: wholeNumber('ENGINE_CONCURRENCY', 1, 16).default(2),
    LOCAL_DISCORD_PORT: wholeNumber('LOCAL_DISCORD_PORT', 0, 65535).optional(),
    LOG_LEVEL: z
      .enum(LOG_LEVELS, {
        error: ({ input }) => `LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}, not ${shown(input)}`,
      })
      .default('info'),
  })
  .refine(
    (env) => env.DISCORD_API_URL !== DISCORD_API_URL || !env.DISCORD_TOKEN || env.DISCORD_TOKEN.split('.').length === 3,
    {
      error:
        "DISCORD_TOKEN must be the token from the page Bot of Discord's developer portal, three parts joined by dots; " +
        'the client secret and the public key are something else',
      // also when other keys are wrong, so that all problems come at once
      when: () => true,
    },
  );

export const CONFIG_KEYS = Object.keys(Environment.shape);

export interface Config {
  /** Absent: the local Discord is used. */
  readonly discordToken: string | undefined;
  /** Without version and trailing slash. */
  readonly discordApiUrl: string;
  /** Server to which the commands are registered, at once; absent: everywhere. */
  readonly discordGuildId: string | undefined;
  /** Absent: the queue is embedded, in `dataDir`. */
  readonly redisUrl: string | undefined;
  /** Absolute. */
  readonly dataDir: string;
  /** Absolute. */
  readonly modelDir: string;
  /** Threads of one inference. */
  readonly engineThreads: number;
  /** What the networks run on; auto is the fastest that works. */
  readonly engineProvider: (typeof PROVIDERS)[number];
  /** What the networks compute in; auto is int8 where the model was calibrated and the processor is made for it. */
  readonly enginePrecision: (typeof PRECISIONS)[number];
  /** Drawings at the same time. */
  readonly engineConcurrency: number;
  /** 0: a free one. Absent: the usual one, or a free one where it is taken. */
  readonly localDiscordPort: number | undefined;
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

/** The configuration of this process: its environment, and for keys that it lacks the project's .env. */
export function loadConfig(): Config {
  const path = join(PROJECT_ROOT, '.env');
  return parseConfig(process.env, existsSync(path) ? dotenv.parse(readFileSync(path)) : {});
}

/**
 * Environment → configuration. An empty value counts as absent; relative folders are taken from the project's folder.
 *
 * @param env     wins over envFile; keys that aren't ours are ignored
 * @param envFile what .env holds; a key in it that looks like a misspelt one of ours is a problem
 * @throws InputError with one line for each problem
 */
export function parseConfig(env: NodeJS.ProcessEnv, envFile: Record<string, string> = {}): Config {
  const found = Object.fromEntries(
    Object.entries({ ...envFile, ...present(env) }).filter(([key, value]) => key in Environment.shape && value !== ''),
  );
  const parsed = Environment.safeParse(found);
  const problems = [
    ...misspellings(Object.keys(envFile)),
    ...(parsed.error?.issues.map(({ message }) => message) ?? []),
  ];
  if (!parsed.success || problems.length > 0) throw new InputError(problems.join('\n'));
  const { data } = parsed;
  return Object.freeze({
    discordToken: data.DISCORD_TOKEN,
    discordApiUrl: data.DISCORD_API_URL,
    discordGuildId: data.DISCORD_GUILD_ID,
    redisUrl: data.REDIS_URL,
    dataDir: resolve(PROJECT_ROOT, data.DATA_DIR),
    modelDir: resolve(PROJECT_ROOT, data.MODEL_DIR),
    engineThreads: data.ENGINE_THREADS,
    engineProvider: data.ENGINE_PROVIDER,
    enginePrecision: data.ENGINE_PRECISION,
    engineConcurrency: data.ENGINE_CONCURRENCY,
    localDiscordPort: data.LOCAL_DISCORD_PORT,
    logLevel: data.LOG_LEVEL,
  });
}

const present = (env: NodeJS.ProcessEnv) => Object.fromEntries(Object.entries(env).filter(([, value]) => value));

/** Keys of .env that are none of ours but begin like one, or are a slip of the finger away. */
function misspellings(keys: readonly string[]): string[] {
  const prefixes = new Set(CONFIG_KEYS.map((key) => key.slice(0, key.indexOf('_') + 1)));
  return keys.flatMap((key) => {
    if (CONFIG_KEYS.includes(key)) return [];
    const [nearest, distance] = CONFIG_KEYS.map((name) => [name, editDistance(key, name)] as const).reduce(
      (best, next) => (next[1] < best[1] ? next : best),
    );
    if (distance <= 2) return `.env: unknown key ${key}, did you mean ${nearest}?`;
    const ours = [...prefixes].some((prefix) => key.startsWith(prefix));
    return ours ? `.env: unknown key ${key}; the known ones are ${CONFIG_KEYS.join(', ')}` : [];
  });
}

/** Levenshtein's distance: insertions, deletions and substitutions from a to b. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}

function isUrl(text: string, ...protocols: string[]): boolean {
  return URL.canParse(text) && protocols.includes(new URL(text).protocol);
}

function packageFolder(from: string): string {
  return existsSync(join(from, 'package.json')) ? from : packageFolder(dirname(from));
}
