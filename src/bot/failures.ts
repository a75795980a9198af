import { randomUUID } from 'node:crypto';
import { RESTJSONErrorCodes as Code, MessageFlags, type RepliableInteraction } from 'discord.js';
import type { Logger } from 'pino';
import { isCode, isDeadToken, loggable, lossReason } from '../discord/errors.ts';
import { apology, errorText } from '../discord/views.ts';
import { InputError } from '../errors.ts';
import { QueueUnreachableError } from './draw.ts';

/** What to say about an error, which is logged if it's ours; undefined where nobody can or wants to be told. */
export function answerToError(error: unknown, log: Logger): string | undefined {
  if (error instanceof InputError) return errorText(error.message);
  // too late, answered twice, or the message deleted meanwhile: it happens, and nothing follows from it
  if (isDeadToken(error) || isCode(error, Code.InteractionHasAlreadyBeenAcknowledged, Code.UnknownMessage)) {
    log.info({ err: loggable(error) }, 'there was nobody to answer any more');
    return undefined;
  }
  const reason = lossReason(error);
  if (reason !== undefined) {
    log.warn({ reason }, 'the bot can not answer there');
    return undefined;
  }
  const errorId = randomUUID().slice(0, 8);
  log.error({ errorId, err: loggable(error) }, 'a handler failed');
  return error instanceof QueueUnreachableError
    ? `⚠️ The queue doesn't answer, so nothing will be drawn. Please try again in a minute. It's in the log as \`${errorId}\`.`
    : apology(errorId);
}

/** Says it to the person who asked, and only to them; never throws. */
export async function tell(interaction: RepliableInteraction, content: string, log: Logger): Promise<void> {
  try {
    if (interaction.replied || interaction.deferred)
      await interaction.followUp({ content, flags: MessageFlags.Ephemeral });
    else await interaction.reply({ content, flags: MessageFlags.Ephemeral });
  } catch (error) {
    log.warn({ err: loggable(error) }, 'could not tell the person about an error');
  }
}
