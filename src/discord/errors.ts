import { DiscordAPIError, HTTPError } from '@discordjs/rest';
import { RESTJSONErrorCodes as Code } from 'discord-api-types/v10';

/** The interaction's token has died: nothing can be sent with it any more, and nothing may be (10,000 tries ban the address). */
export function isDeadToken(error: unknown): boolean {
  return (
    error instanceof DiscordAPIError &&
    (error.status === 401 || isCode(error, Code.InvalidWebhookToken, Code.UnknownWebhook, Code.UnknownInteraction))
  );
}

/** The message or its channel is gone, or out of the bot's reach; undefined for any other error. */
export function lossReason(error: unknown): string | undefined {
  if (!(error instanceof DiscordAPIError)) return undefined;
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
  return error instanceof DiscordAPIError && (error.status === 413 || isCode(error, Code.RequestEntityTooLarge));
}

/** The network or Discord itself failed: the same request may pass a little later. */
export function isPassing(error: unknown): boolean {
  if (error instanceof HTTPError) return true;
  if (error instanceof DiscordAPIError || !(error instanceof Error)) return false;
  return error.name === 'AbortError' || ('code' in error && typeof error.code === 'string');
}

export function isCode(error: unknown, ...codes: Code[]): boolean {
  return error instanceof DiscordAPIError && codes.includes(error.code as Code);
}

/** What a log may hold of an error: a Discord error's address contains the interaction's token, its body the pictures. */
export function loggable(error: unknown) {
  if (!(error instanceof DiscordAPIError || error instanceof HTTPError)) return error;
  const { name, message, status, method, stack } = error;
  return { type: name, message, status, method, stack, ...(error instanceof DiscordAPIError && { code: error.code }) };
}
