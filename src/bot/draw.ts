import { setTimeout as sleep } from 'node:timers/promises';
import type { ButtonInteraction, ChatInputCommandInteraction, Message, ModalSubmitInteraction } from 'discord.js';
import { ATTACHMENT_BYTES, INTERACTION_TOKEN_LIFETIME } from '../discord/limits.ts';
import { queued } from '../discord/views.ts';
import type { DrawQueue } from '../queue/draw-queue.ts';
import { type DrawJob, type Reply, Task } from '../queue/messages.ts';
import { parse } from '../typed-settings.ts';
import type { BotContext } from './context.ts';

/** Milliseconds after which a queue that doesn't answer counts as unreachable. */
const QUEUE_TIMEOUT = 10_000;

/** The queue doesn't take the job; its cause is for the log. */
export class QueueUnreachableError extends Error {
  override name = 'QueueUnreachableError';
}

/**
 * Answers a command or a button with the queued message, then stores the job; the engine goes on from there.
 * @param asked  a task, to be checked
 * @throws InputError for a task that is none; QueueUnreachableError after the message was taken back
 */
export async function draw(
  interaction: ChatInputCommandInteraction | ButtonInteraction | ModalSubmitInteraction,
  asked: unknown,
  { queue }: BotContext,
): Promise<void> {
  const task = parse(Task, asked);
  const { applicationId, token, createdTimestamp, user, attachmentSizeLimit } = interaction;
  const asker = {
    userId: user.id,
    interaction: { applicationId, token, expiresAt: createdTimestamp + INTERACTION_TOKEN_LIFETIME },
  };
  const shown = { task, reply: asker };
  const { resource } = await interaction.reply({ ...queued(shown), withResponse: true });
  if (!resource?.message) throw new Error('Discord answered the reply without its message');
  const { channelId, id: messageId } = resource.message;

  const reply: Reply = { ...asker, channelId, messageId, attachmentSizeLimit };
  const position = await add(queue, { version: 1, task, reply }, () => interaction.deleteReply());
  if (position > 0) await interaction.editReply(queued(shown, position));
}

/** The same for a reaction, which Discord lets nobody answer: a message in reply to the pictures. */
export async function drawInReplyTo(pictures: Message, userId: string, task: Task, { queue }: BotContext) {
  const shown = { task, reply: { userId } };
  const message = await pictures.reply({ ...queued(shown), failIfNotExists: false });
  const { channelId, id: messageId } = message;

  const reply: Reply = { userId, channelId, messageId, attachmentSizeLimit: ATTACHMENT_BYTES };
  const position = await add(queue, { version: 1, task, reply }, () => message.delete());
  if (position > 0) await message.edit(queued(shown, position));
}

/** @returns how many wait before it: with none, the engine may be writing to the message already */
async function add(queue: DrawQueue, job: DrawJob, takeBack: () => Promise<unknown>): Promise<number> {
  const timeout = sleep(QUEUE_TIMEOUT, undefined, { ref: false }).then(() => {
    throw new Error(`no answer in ${QUEUE_TIMEOUT / 1000} s`);
  });
  try {
    return (await Promise.race([queue.add(job), timeout])).position;
  } catch (cause) {
    // told or not, the person gets the error as well
    await takeBack().catch(() => undefined);
    throw new QueueUnreachableError('the queue did not take the job', { cause });
  }
}
