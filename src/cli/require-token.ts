import type { Config } from '../config.ts';
import { InputError } from '../errors.ts';

/** @throws InputError without DISCORD_TOKEN: alone, bot and engine have no local Discord to talk to */
export function requireToken(config: Config): Config & { readonly discordToken: string } {
  const { discordToken } = config;
  if (discordToken !== undefined) return { ...config, discordToken };
  throw new InputError(
    'DISCORD_TOKEN is not set: put it into .env (see .env.example), or use `npm start`, which brings a local Discord',
  );
}
