import type { MessageReaction, PartialMessageReaction, PartialUser, User } from 'discord.js';
import type { BotContext } from '../context.ts';
import { drawInReplyTo } from '../draw.ts';
import { type DrawAgain, taskOf } from '../draw-again.ts';
import { actionsOf, ownerOf } from '../message-pictures.ts';

/** What a reaction on finished pictures does; ❌ deletes. 🎲 is of the first picture: the buttons name the others. */
const REACTIONS: Record<string, DrawAgain | 'delete'> = {
  '🎲': { action: 'variations', picture: 0 },
  '➕': { action: 'guidance', step: 1 },
  '➖': { action: 'guidance', step: -1 },
  '🔁': { action: 'rerun' },
  '❌': 'delete',
};

/** Does what a reaction says; any other reaction, message or bot is none of ours. */
export async function reacted(
  reaction: MessageReaction | PartialMessageReaction,
  user: User | PartialUser,
  context: BotContext,
): Promise<void> {
  const action = REACTIONS[reaction.emoji.name ?? ''];
  if (action === undefined || user.id === reaction.client.user.id) return;
  // always from Discord: what the bot may remember was posted before the engine put the pictures in
  const message = await reaction.message.fetch(true);
  if (message.author.id !== reaction.client.user.id) return;
  if ((user.partial ? await user.fetch() : user).bot) return;

  if (action === 'delete') {
    if (user.id === ownerOf(message)) await message.delete();
  } else if (actionsOf(message).some((button) => button.action === 'variations')) {
    await drawInReplyTo(message, user.id, taskOf(action, message), context);
  }
}
