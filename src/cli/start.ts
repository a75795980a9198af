import { join } from 'node:path';
import { Command } from 'commander';
import { type Config, loadConfig } from '../config.ts';
import { createLog } from '../log.ts';
import { type LocalDiscord, PortTakenError, startLocalDiscord } from '../sandbox/local-discord.ts';
import { listenForStop } from './stop-signal.ts';
import { supervise } from './supervise.ts';

const SERVICES = ['bot', 'engine'];
const USUAL_PORT = 8080;

export const start = new Command('start')
  .description('Run all that is needed on this machine: bot, engine, queue, and without DISCORD_TOKEN a local Discord.')
  .action(async () => {
    const config = loadConfig();
    const log = createLog('start', config);
    const failure = new AbortController();
    const signal = AbortSignal.any([listenForStop().signal, failure.signal]);

    const discord = config.discordToken === undefined ? await openLocalDiscord(config) : undefined;
    const env = { ...process.env, ...(discord && { DISCORD_TOKEN: discord.token, DISCORD_API_URL: discord.apiUrl }) };
    const ready = new Set<string>();
    const services = SERVICES.map(async (name) => {
      const onReady = () => {
        if (!ready.has(name) && ready.add(name).size === SERVICES.length) announce(discord);
      };
      const code = await supervise(name, { env, signal, onReady, log });
      // One can't work without the other.
      failure.abort();
      return code;
    });
    process.exitCode = Math.max(...(await Promise.all(services)));
    await discord?.close();
  });

/** Whoever names no port gets the usual one, or any where something else has it. */
async function openLocalDiscord({ localDiscordPort, dataDir }: Config): Promise<LocalDiscord> {
  const open = (port: number) => startLocalDiscord({ port, dataDir: join(dataDir, 'discord') });
  if (localDiscordPort !== undefined) return open(localDiscordPort);
  return open(USUAL_PORT).catch((error) => {
    if (error instanceof PortTakenError) return open(0);
    throw error;
  });
}

function announce(discord: LocalDiscord | undefined) {
  console.log(
    discord
      ? `\n  Your channel is open at ${discord.url}\n  Type /imagine prompt: red heart there. Ctrl+C ends it.\n`
      : '\n  The bot is on Discord. Ctrl+C ends it.\n',
  );
}
