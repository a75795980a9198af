import type { Interaction, MessageReaction, PartialMessageReaction, PartialUser, User } from 'discord.js';
import { loggable } from '../discord/errors.ts';
import { InputError } from '../errors.ts';
import { commands } from './commands/index.ts';
import { pressed } from './components/index.ts';
import type { BotContext } from './context.ts';
import { answerToError, tell } from './failures.ts';
import { submitted } from './modification.ts';
import { reacted } from './reactions/index.ts';

/** Handles a command, an autocomplete, a button or a form; whatever goes wrong is told or logged, never thrown. */
export async function answer(interaction: Interaction, context: BotContext): Promise<void> {
  try {
    if (interaction.isChatInputCommand()) await commandOf(interaction.commandName).execute(interaction, context);
    else if (interaction.isButton()) await pressed(interaction, context);
    else if (interaction.isModalSubmit()) await submitted(interaction, context);
    else if (interaction.isAutocomplete()) {
      await commandOf(interaction.commandName).autocomplete?.(interaction, context);
    }
  } catch (error) {
    const text = answerToError(error, context.log);
    if (text !== undefined && interaction.isRepliable()) await tell(interaction, text, context.log);
  }
}

/** Handles a reaction in the same way; an error is told in reply to the message, for lack of anything ephemeral. */
export async function react(
  reaction: MessageReaction | PartialMessageReaction,
  user: User | PartialUser,
  context: BotContext,
): Promise<void> {
  try {
    await reacted(reaction, user, context);
  } catch (error) {
    const content = answerToError(error, context.log);
    if (content === undefined) return;
    await reaction.message.reply({ content, failIfNotExists: false }).catch((silenced) => {
      context.log.warn({ err: loggable(silenced) }, 'could not tell about a reaction that failed');
    });
  }
}

function commandOf(name: string) {
  const command = commands.get(name);
  if (!command)
    throw new InputError(`this version of the bot has no /${name}: Discord's list of its commands is out of date`);
  return command;
}
