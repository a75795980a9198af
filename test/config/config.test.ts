import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import dotenv from 'dotenv';
import { describe, expect, test } from 'vitest';
import { CONFIG_KEYS, PROJECT_ROOT, parseConfig } from '../../src/config.ts';
import { InputError } from '../../src/errors.ts';

const token = 'MTIzNDU2Nzg5MDEyMzQ1Njc4.Gabcde.abcdefghijklmnopqrstuvwxyz0123456789ab';

function problemsOf(env: Record<string, string>, envFile: Record<string, string> = {}): string[] {
  try {
    parseConfig(env, envFile);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as InputError).message.split('\n');
  }
  return [];
}

test('an empty environment gives the defaults, with folders in the project', () => {
  const config = parseConfig({});
  expect(config).toMatchObject({
    discordToken: undefined,
    discordApiUrl: 'https://discord.com/api',
    redisUrl: undefined,
    dataDir: join(PROJECT_ROOT, 'data'),
    modelDir: join(PROJECT_ROOT, 'models', 'emoji-v9'),
    enginePrecision: 'auto',
    engineConcurrency: 2,
    localDiscordPort: undefined,
    logLevel: 'info',
  });
  expect(config.engineThreads).toBeGreaterThanOrEqual(1);
  expect(isAbsolute(PROJECT_ROOT)).toBe(true);
  expect(Object.isFrozen(config)).toBe(true);
});

test('the environment wins over .env, and an empty value is an absent one', () => {
  const envFile = { DISCORD_TOKEN: token, LOG_LEVEL: 'debug', REDIS_URL: '' };
  expect(parseConfig({ LOG_LEVEL: 'warn', DISCORD_TOKEN: '' }, envFile)).toMatchObject({
    discordToken: token,
    logLevel: 'warn',
    redisUrl: undefined,
  });
});

test('values arrive in their types', () => {
  expect(
    parseConfig({
      DISCORD_API_URL: 'http://127.0.0.1:8080/api/',
      DISCORD_GUILD_ID: '123456789012345678',
      REDIS_URL: 'rediss://user:secret@redis.example:6380/1',
      DATA_DIR: '/var/lib/unclip',
      ENGINE_THREADS: '3',
      LOCAL_DISCORD_PORT: '0',
    }),
  ).toMatchObject({
    discordApiUrl: 'http://127.0.0.1:8080/api',
    discordGuildId: '123456789012345678',
    redisUrl: 'rediss://user:secret@redis.example:6380/1',
    dataDir: '/var/lib/unclip',
    engineThreads: 3,
    localDiscordPort: 0,
  });
});

describe('a wrong value is named with what would be right', () => {
  test.each([
    ['ENGINE_THREADS', 'many', 'a whole number from 1 to 1024, not "many"'],
    ['ENGINE_THREADS', '0', 'a whole number from 1 to 1024, not "0"'],
    ['ENGINE_CONCURRENCY', '2.5', 'a whole number from 1 to 16, not "2.5"'],
    ['ENGINE_PROVIDER', 'gpu', 'one of auto, cpu, cuda, webgpu, coreml, dml, not "gpu"'],
    ['ENGINE_PRECISION', 'int4', 'one of float32, int8, auto, not "int4"'],
    ['LOCAL_DISCORD_PORT', '70000', 'a whole number from 0 to 65535, not "70000"'],
    ['LOG_LEVEL', 'loud', 'one of trace, debug, info, warn, error, fatal, silent, not "loud"'],
    ['DISCORD_API_URL', 'discord.com', 'a URL like https://discord.com/api, not "discord.com"'],
    ['DISCORD_API_URL', 'https://discord.com/api/v10', 'leave out "v10"'],
    ['DISCORD_GUILD_ID', 'my server', '17 to 20 digits'],
    ['REDIS_URL', 'localhost:6379', 'a URL like redis://localhost:6379'],
    ['DISCORD_TOKEN', `Bot ${token}`, 'without "Bot " before it'],
    ['DISCORD_TOKEN', '0123456789abcdef0123456789abcdef', 'three parts joined by dots'],
  ])('%s=%s', (key, value, message) => {
    const problems = problemsOf({ [key]: value });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`${key} must `);
    expect(problems[0]).toContain(message);
  });

  test('all at once', () => {
    expect(problemsOf({ ENGINE_THREADS: 'x', LOG_LEVEL: 'x', DISCORD_TOKEN: 'x' }, { ENGINE_SPED: 'x' })).toHaveLength(
      4,
    );
  });

  test('but no secret is printed', () => {
    const problems = problemsOf({ DISCORD_TOKEN: 'swordfish', REDIS_URL: 'http://user:swordfish@host' }).join();
    expect(problems).toContain('REDIS_URL must');
    expect(problems).not.toContain('swordfish');
  });

  test('a stand-in for Discord may have tokens of its own form', () => {
    expect(problemsOf({ DISCORD_TOKEN: 'local', DISCORD_API_URL: 'http://127.0.0.1:1/api' })).toEqual([]);
  });
});

describe('an unknown key', () => {
  test.each([
    ['DISCORD_TOKNE', 'did you mean DISCORD_TOKEN?'],
    ['DISCROD_TOKEN', 'did you mean DISCORD_TOKEN?'],
    ['ENGINE_SPEED', 'unknown key ENGINE_SPEED; the known ones are DISCORD_TOKEN, '],
  ])('%s in .env is reported', (key, message) => {
    expect(problemsOf({}, { [key]: 'x' })).toEqual([expect.stringContaining(message)]);
  });

  test('is ignored in the environment, and in .env if it is nothing like ours', () => {
    expect(problemsOf({ DISCORD_TOKNE: 'x', ENGINE_SPEED: 'x' }, { NODE_OPTIONS: '--trace-warnings' })).toEqual([]);
  });
});

test('.env.example explains every key and no other, and is right as it stands', () => {
  const text = readFileSync(join(PROJECT_ROOT, '.env.example'), 'utf8');
  const example = dotenv.parse(text);
  expect(problemsOf({}, example)).toEqual([]);
  expect(Object.keys(example).toSorted()).toEqual([...CONFIG_KEYS].toSorted());
  for (const key of CONFIG_KEYS) expect(text).toMatch(new RegExp(`^#.*\\n${key}=$`, 'm'));
});
