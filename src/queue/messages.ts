import { z } from 'zod';
import { taskSchema } from '../task.ts';

/**
 * The contract between bot and engine. A job holds all that the engine needs to draw and to deliver,
 * so that it can be finished after both processes were restarted. Parsed on both sides: an engine of another
 * version refuses a job it doesn't know instead of guessing.
 */

/** Bytes of the largest picture file that is drawn from. */
export const MAX_PICTURE_BYTES = 25 * 2 ** 20;

/** A picture on Discord's CDN (or on the local Discord), as the interaction or message named it. */
const PictureSource = z.strictObject({
  url: z.url(),
  /** File name as the user sees it, for error messages. */
  name: z.string(),
});
export type PictureSource = z.infer<typeof PictureSource>;

export const Task = taskSchema(PictureSource);
export type Task = z.infer<typeof Task>;

/**
 * The message that shows the job: posted by the bot, edited by the engine.
 * With `interaction`, edits go through the interaction's webhook while its token lives (15 min) and fall back to the
 * bot's own rights on the channel; without (reactions), the bot's rights are used from the start.
 */
export const Reply = z.strictObject({
  channelId: z.string(),
  messageId: z.string(),
  /** Who asked: may delete the pictures and is the only one mentioned. */
  userId: z.string(),
  interaction: z
    .strictObject({
      applicationId: z.string(),
      token: z.string(),
      /** Milliseconds since 1970 when the token dies. */
      expiresAt: z.number(),
    })
    .optional(),
  /** Bytes a file may have in this channel. */
  attachmentSizeLimit: z.number(),
});
export type Reply = z.infer<typeof Reply>;

/**
 * The job's id in the queue. A message shows one job, so its id follows from the message: a Cancel button finds its job
 * by the message it sits on, and a job added twice is drawn once.
 */
export function jobId(messageId: string): string {
  return `message-${messageId}`;
}

export const DrawJob = z.strictObject({ version: z.literal(1), task: Task, reply: Reply });
export type DrawJob = z.infer<typeof DrawJob>;

/** What stays of a finished job in the queue: small, for logs and tests; pictures are on Discord. */
export const DrawResult = z.strictObject({
  outcome: z.enum(['delivered', 'refused', 'undeliverable', 'cancelled']),
  /** For refused: the message that the user saw. */
  reason: z.string().optional(),
});
export type DrawResult = z.infer<typeof DrawResult>;
