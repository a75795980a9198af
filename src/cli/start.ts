import { join } from 'node:path';
import { Command } from 'commander';
import picocolors from 'picocolors';
import { type Config, loadConfig } from '../config.ts';
import { createLog } from '../log.ts';
import { type LocalDiscord, startLocalDiscord } from '../sandbox/local-discord.ts';
import { supervise } from './supervise.ts';

const SERVICES = ['bot', 'engine'];

export const start = new Command('start')
  .description('Run all that is needed on this machine: bot, engine, queue, and without DISCORD_TOKEN a local Discord.')
  .action(async () => {
    const config = loadConfig();
    const log = createLog('start', config);
    const stop = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());

    const discord = config.discordToken === undefined ? await openLocalDiscord(config) : undefined;
    const env = { ...process.env, ...(discord && { DISCORD_TOKEN: discord.token, DISCORD_API_URL: discord.apiUrl }) };
    const ready = new Set<string>();
    const services = SERVICES.map(async (name) => {
      const onReady = () => {
        if (!ready.has(name) && ready.add(name).size === SERVICES.length) announce(discord);
      };
      const code = await supervise(name, { env, signal: stop.signal, onReady, log });
      // One can't work without the other.
      stop.abort();
      return code;
    });
    process.exitCode = Math.max(...(await Promise.all(services)));
    await discord?.close();
  });

function openLocalDiscord({ localDiscordPort, dataDir }: Config): Promise<LocalDiscord> {
  return startLocalDiscord({ port: localDiscordPort, dataDir: join(dataDir, 'discord') });
}

function announce(discord: LocalDiscord | undefined) {
  console.log(
    discord
      ? `\n  Your channel is open at ${picocolors.bold(picocolors.cyan(discord.url))}\n  Type /imagine prompt: red heart there. Ctrl+C ends it.\n`
      : '\n  The bot is on Discord. Ctrl+C ends it.\n',
  );
}
