import { type Clock, systemClock } from './clock.ts';

export interface LocalDiscordOptions {
  /** Port on 127.0.0.1; 0, the default, lets the system choose one. */
  port?: number;
  /** Folder that keeps messages, attachments, commands and the bot's token over a restart; without it all is in memory. */
  dataDir?: string;
  /** Folder of the built web page; default `dist/sandbox-page` of this package. */
  pageDir?: string;
  /** Source of time for expiry and rate limits. */
  clock?: Clock;
}

export interface LocalDiscord {
  /** The web page with the channel, e.g. `http://127.0.0.1:8000/`. */
  url: string;
  /** For discord.js as `rest.api`, and as DISCORD_API_URL, e.g. `http://127.0.0.1:8000/api`. */
  apiUrl: string;
  /** The bot's token. */
  token: string;
  applicationId: string;
  guildId: string;
  /** The text channel #pictures. */
  channelId: string;
  close(): Promise<void>;
}

/**
 * Starts a Discord of one's own on 127.0.0.1: REST, gateway, attachments and a web page with a channel,
 * good enough that discord.js works against it unchanged.
 * Throws InputError where the port is taken or the data folder can't be used.
 */
export async function startLocalDiscord(options: LocalDiscordOptions = {}): Promise<LocalDiscord> {
  const { clock = systemClock } = options;
  throw new Error(`not served yet at ${clock.now()}`);
}
