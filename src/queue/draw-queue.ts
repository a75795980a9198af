import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import type { DrawJob } from './messages.ts';

/** What the queue needs to know: Redis with `redisUrl`, else embedded in `dataDir`. */
export type QueueConfig = Pick<Config, 'redisUrl' | 'dataDir'>;

/** The bot's end of the queue. */
export interface DrawQueue {
  /** Stores the job; it is drawn at least once from then on, whatever crashes. Position: how many wait before it. */
  add(job: DrawJob): Promise<{ id: string; position: number }>;
  /** How many wait before it; undefined once it is being drawn, is finished, or isn't known. */
  position(id: string): Promise<number | undefined>;
  counts(): Promise<{ waiting: number; running: number }>;
  /**
   * 'removed': it was waiting and is gone; whoever cancels tells the user.
   * 'stopping': it is being drawn and its signal aborts within 2 s; the engine tells the user.
   * undefined: finished, or not known.
   */
  cancel(id: string): Promise<'removed' | 'stopping' | undefined>;
  close(): Promise<void>;
}

/** @throws InputError when the queue can't be reached: Redis doesn't answer, the folder can't be written */
export declare function openDrawQueue(config: QueueConfig, options: { log: Logger }): Promise<DrawQueue>;
