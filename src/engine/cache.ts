import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * A folder of this program in the user's cache, which outlives `npm ci` and new working trees:
 * $XDG_CACHE_HOME/unclip-discord or ~/.cache/unclip-discord.
 */
export function cacheDir(...names: string[]): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'unclip-discord', ...names);
}
