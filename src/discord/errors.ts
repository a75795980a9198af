import type { DiscordAPIError, HTTPError } from '@discordjs/rest';
import { RESTJSONErrorCodes as Code } from 'discord-api-types/v10';

/** The interaction's token has died: nothing can be sent with it any more, and nothing may be (10,000 tries ban the address). */
export function isDeadToken(error: unknown): boolean {
  if (!isApiError(error)) return false;
  return error.status === 401 || isCode(error, Code.InvalidWebhookToken, Code.UnknownWebhook, Code.UnknownInteraction);
}

/** Why the message or its channel is gone or out of the bot's reach; undefined for any other error. */
export function lossReason(error: unknown): string | undefined {
  if (!isApiError(error)) return undefined;
  if (error.status === 401) return 'Discord refuses the bot token: check DISCORD_TOKEN';
  switch (error.code) {
    case Code.UnknownMessage:
      return 'the message was deleted';
    case Code.UnknownChannel:
      return 'the channel was deleted';
    case Code.MissingAccess:
      return 'the bot may not see the channel: it needs the permission View Channels';
    case Code.MissingPermissions:
      return 'the bot may not write in the channel: it needs Send Messages, in threads Send Messages in Threads';
    case Code.InvalidActionOnArchivedThread:
      return 'the thread is archived';
    case Code.CannotSendMessagesToThisUser:
      return "the person doesn't take direct messages from the bot";
    default:
      return undefined;
  }
}

/** The request was larger than Discord takes. */
export function isTooLarge(error: unknown): boolean {
  return isApiError(error) && (error.status === 413 || isCode(error, Code.RequestEntityTooLarge));
}

/** The network or Discord itself failed: the same request may pass a little later. */
export function isPassing(error: unknown): boolean {
  if (isApiError(error) || !(error instanceof Error)) return false;
  return isHttpError(error) || error.name === 'AbortError' || ('code' in error && typeof error.code === 'string');
}

/** Outside an interaction: the bot token itself is refused. */
export function isUnauthorized(error: unknown): boolean {
  return isApiError(error) && error.status === 401;
}

export function isCode(error: unknown, ...codes: Code[]): boolean {
  return isApiError(error) && codes.includes(error.code as Code);
}

/** What a log may hold of an error: a Discord error's address contains the interaction's token, its body the pictures. */
export function loggable(error: unknown): unknown {
  if (!isApiError(error) && !isHttpError(error)) return error;
  const { name, message, status, method, stack } = error;
  return { type: name, message, status, method, stack, ...(isApiError(error) && { code: error.code }) };
}

// By their fields: discord.js throws the classes of @discordjs/rest's CommonJS build, which `instanceof` doesn't know here.

function isApiError(error: unknown): error is DiscordAPIError {
  return error instanceof Error && 'rawError' in error && 'status' in error;
}

function isHttpError(error: unknown): error is HTTPError {
  return error instanceof Error && error.name === 'HTTPError' && 'status' in error;
}
