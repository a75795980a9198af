import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { deployCommands } from '../../deploy-commands.ts';
import { commands } from '../../src/bot/commands/index.ts';
import { applicationOf, registeredCommands } from '../../src/bot/commands/register.ts';
import { createRest } from '../../src/discord/rest.ts';
import { InputError } from '../../src/errors.ts';
import { type LocalDiscord, startLocalDiscord } from '../../src/sandbox/local-discord.ts';

// without the .env of whoever runs the tests
vi.mock('../../src/config.ts', async (original) => {
  const config = await original<typeof import('../../src/config.ts')>();
  return { ...config, loadConfig: () => config.parseConfig(process.env) };
});

let discord: LocalDiscord;
beforeAll(async () => {
  discord = await startLocalDiscord();
});
afterAll(() => discord?.close());
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

async function deploy(env: Record<string, string>): Promise<string> {
  vi.stubEnv('DISCORD_API_URL', discord.apiUrl);
  for (const [key, value] of Object.entries(env)) vi.stubEnv(key, value);
  const print = vi.spyOn(console, 'log').mockImplementation(() => {});
  await deployCommands.parseAsync([], { from: 'user' });
  return print.mock.calls.join('\n');
}

test('registers the commands everywhere, twice as well as once, and says what it did', async () => {
  const rest = createRest(discord);
  expect(await registeredCommands(rest, discord.applicationId)).toEqual([]);
  for (let i = 0; i < 2; i++) {
    const printed = await deploy({ DISCORD_TOKEN: discord.token });
    expect(printed).toMatch(/^Registered \/imagine, .+, \/blend, .+ of .+ everywhere/);
    expect(printed).toContain(`client_id=${discord.applicationId}`);
    expect(await registeredCommands(rest, discord.applicationId)).toEqual([...commands.keys()]);
  }
  expect(await applicationOf(rest)).toMatchObject({ id: discord.applicationId });
});

test('registers them in one server', async () => {
  const { guildId, applicationId, token } = discord;
  expect(await deploy({ DISCORD_TOKEN: token, DISCORD_GUILD_ID: guildId })).toContain(`in server ${guildId}`);
  expect(await registeredCommands(createRest(discord), applicationId, guildId)).toEqual([...commands.keys()]);
});

test.each([
  ['no token', { DISCORD_TOKEN: '' }, /DISCORD_TOKEN is not set/],
  ['a token that Discord does not know', { DISCORD_TOKEN: 'a.b.c' }, /DISCORD_TOKEN: Discord doesn't know this token/],
  [
    'a server that the bot is not in',
    { DISCORD_GUILD_ID: '1'.repeat(18) },
    /DISCORD_GUILD_ID: the bot isn't in server 1+/,
  ],
  ['no Discord there', { DISCORD_API_URL: 'http://127.0.0.1:9/api' }, /Discord can't be reached .* ECONNREFUSED/],
])('says what is wrong: %s', async (_what, env, message) => {
  const deployed = deploy({ DISCORD_TOKEN: discord.token, ...env });
  await expect(deployed).rejects.toThrow(message);
  await expect(deployed).rejects.toThrow(InputError);
});
