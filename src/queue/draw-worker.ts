import type { Logger } from 'pino';
import type { QueueConfig } from './draw-queue.ts';
import type { DrawJob, DrawResult, Reply } from './messages.ts';

export interface DrawContext {
  readonly id: string;
  /** 1 the first time, then one more for each retry and each crash of an engine that was drawing it. */
  readonly attempt: number;
  /** Aborts with a DrawAborted as its reason; the handler then ends soon, by throwing or returning. */
  readonly signal: AbortSignal;
}

/**
 * 'cancelled': by cancel() of the queue; the handler tells the user.
 * 'closing': the engine shuts down; the job goes back to the queue, the handler says nothing.
 * 'taken over': the lock was lost (this process was stopped for seconds) and the job may run elsewhere; says nothing.
 */
export class DrawAborted extends Error {
  override name = 'DrawAborted';
  readonly why: 'cancelled' | 'closing' | 'taken over';

  constructor(why: DrawAborted['why']) {
    super(`drawing stopped: ${why}`);
    this.why = why;
  }
}

/**
 * Draws and delivers one job. What it throws decides what follows: an InputError is given up at once, after
 * `signal` has aborted anything counts as stopped, and anything else is tried again, 3 times in all.
 */
export type DrawHandler = (job: DrawJob, context: DrawContext) => Promise<DrawResult>;

/** A job that will not be tried again, to be told to the user: `reason` is a sentence for people. */
export interface GivenUp {
  readonly id: string;
  readonly reply: Reply;
  readonly reason: string;
}

export interface DrawWorkerOptions {
  /** Jobs handled at the same time. */
  readonly concurrency: number;
  /**
   * An InputError, the third failure, the third crash of an engine at the same job, or a job of a version not known here.
   * Called at least once, before the job is marked as failed.
   */
  readonly onGivenUp: (job: GivenUp) => Promise<void>;
  readonly log: Logger;
}

/** The engine's end of the queue. */
export interface DrawWorker {
  /** Takes no more jobs, lets the running ones end for so long (default: 0), then hands the rest back to the queue. */
  close(finishWithinMs?: number): Promise<void>;
}

/** @throws InputError when the queue can't be reached: Redis doesn't answer, the folder can't be written */
export declare function startDrawWorker(
  config: QueueConfig,
  handler: DrawHandler,
  options: DrawWorkerOptions,
): Promise<DrawWorker>;
