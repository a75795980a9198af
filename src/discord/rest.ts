import { REST } from '@discordjs/rest';

/**
 * Discord over HTTP. One for each process: it keeps the books about rate limits.
 * It waits out 429 and tries 5xx, time-outs and cut connections again, three times.
 * @param apiUrl Discord's API without the version, `https://discord.com/api`
 */
export function createRest({ token, apiUrl }: { token: string; apiUrl: string }): REST {
  // a minute: four pictures of 10 MiB go up slowly from a home line
  return new REST({ version: '10', api: apiUrl, timeout: 60_000 }).setToken(token);
}
