import type { REST } from '@discordjs/rest';
import { type APIApplicationCommand, type RESTGetCurrentApplicationResult, Routes } from 'discord-api-types/v10';
import { isPassing, isUnauthorized, lossReason } from '../../discord/errors.ts';
import { InputError } from '../../errors.ts';
import { commands } from './index.ts';

export type Rest = Pick<REST, 'get' | 'put'>;

/** The application that a bot token belongs to. @throws InputError when Discord refuses the token or isn't reached */
export async function applicationOf(rest: Rest): Promise<{ id: string; name: string }> {
  return mended(rest.get(Routes.currentApplication())) as Promise<RESTGetCurrentApplicationResult>;
}

/**
 * Names of the commands that Discord knows of the application.
 * @param guildId of that server alone; absent, of everywhere
 * @throws InputError for a server that the application isn't in
 */
export async function registeredCommands(rest: Rest, applicationId: string, guildId?: string): Promise<string[]> {
  return names(await mended(rest.get(route(applicationId, guildId)), guildId));
}

/** Makes Discord's list of the application's commands the same as ours. @returns their names @throws as above */
export async function registerCommands(rest: Rest, applicationId: string, guildId?: string): Promise<string[]> {
  const body = [...commands.values()].map(({ data }) => data);
  return names(await mended(rest.put(route(applicationId, guildId), { body }), guildId));
}

function route(applicationId: string, guildId: string | undefined) {
  return guildId === undefined
    ? Routes.applicationCommands(applicationId)
    : Routes.applicationGuildCommands(applicationId, guildId);
}

function names(registered: unknown): string[] {
  return (registered as APIApplicationCommand[]).map(({ name }) => name);
}

/** An error that the owner can mend says how. */
async function mended(answer: Promise<unknown>, guildId?: string): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    const found = (error as Error).message;
    if (isPassing(error)) throw new InputError(`Discord can't be reached (DISCORD_API_URL): ${found}`);
    if (isUnauthorized(error)) {
      throw new InputError(
        "DISCORD_TOKEN: Discord doesn't know this token; copy it anew from the page Bot of its developer portal",
      );
    }
    if (guildId === undefined || lossReason(error) === undefined) throw error;
    throw new InputError(
      `DISCORD_GUILD_ID: the bot isn't in server ${guildId}, or was invited without its commands: ${found}`,
    );
  }
}
