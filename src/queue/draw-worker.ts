import { type IQueueBackend, Job, UnrecoverableError, WaitingError, Worker } from 'bullmq';
import type { Logger } from 'pino';
import { z } from 'zod';
import { InputError } from '../errors.ts';
import { ATTEMPTS } from './draw-queue.ts';
import { DrawJob, type DrawResult, Reply } from './messages.ts';
import { openStore, QUEUE_NAME, type QueueConfig, type StoredJob, waitUntilReady } from './store.ts';

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

/** Losing the lock takes this long, so a job of a killed engine runs again at most 8 s after the next one has started. */
const LOCK_MS = 6_000;
const STALLED_CHECK_MS = 1_000;
const CANCEL_CHECK_MS = 1_000;
const MAX_CRASHES = 3;

/** Kept with the job as BullMQ's progress. */
interface Progress {
  /** How often it was started without coming to an end: each is an engine that was killed or crashed. */
  readonly crashes: number;
}

/** @throws InputError when the queue can't be used: Redis doesn't answer, the folder can't be written */
export async function startDrawWorker(
  config: QueueConfig,
  handler: DrawHandler,
  { concurrency, onGivenUp, log }: DrawWorkerOptions,
): Promise<DrawWorker> {
  const running = new Map<string, AbortController>();
  const alone = oneAtATime();

  async function take(stored: Job<StoredJob, DrawResult>, token?: string): Promise<DrawResult> {
    const id = stored.id!;
    const { crashes = 0 } = stored.progress as Partial<Progress>;
    if (crashes >= MAX_CRASHES) {
      return await fail(stored, new InputError(`the engine stopped ${crashes} times while drawing this`));
    }
    const controller = new AbortController();
    const { signal } = controller;
    running.set(id, controller);
    if (stored.data.cancelled) controller.abort(new DrawAborted('cancelled'));

    const draw = async () => {
      if (signal.aborted && signal.reason.why !== 'cancelled') throw signal.reason;
      await stored.updateProgress({ crashes: crashes + 1 });
      return await handler(parseJob(stored), { id, attempt: 1 + stored.attemptsMade + crashes, signal });
    };
    try {
      // A job that kills engines takes those beside it down too, but is found out when they run one by one.
      return await (crashes > 0 ? alone(draw) : draw());
    } catch (error) {
      const why = signal.aborted ? (signal.reason as DrawAborted).why : undefined;
      if (why === 'cancelled') return { outcome: 'cancelled' };
      // BullMQ leaves a job alone after a WaitingError
      if (why === 'taken over') throw new WaitingError();
      await stored.updateProgress({ crashes });
      if (why === 'closing') {
        await stored.moveToWait(token);
        await nextInLine(stored);
        throw new WaitingError();
      }
      return await fail(stored, error);
    } finally {
      running.delete(id);
    }
  }

  /** Throws what makes BullMQ try again or not. */
  async function fail(stored: Job<StoredJob>, error: unknown): Promise<never> {
    const id = stored.id!;
    if (!(error instanceof InputError) && stored.attemptsMade + 1 < ATTEMPTS) {
      log.warn({ err: error, id }, 'drawing failed, trying again');
      throw error;
    }
    const reason =
      error instanceof InputError ? error.message : `drawing failed ${ATTEMPTS} times by a fault of the engine`;
    log.error({ err: error, id }, 'job given up');
    const reply = replyOf(stored);
    if (reply) await onGivenUp({ id, reply, reason }).catch((err) => log.error({ err, id }, 'the user was not told'));
    throw new UnrecoverableError(reason);
  }

  const store = await openStore(config, 'wait');
  const worker = new Worker<StoredJob, DrawResult, string, IQueueBackend>(
    QUEUE_NAME,
    take,
    {
      ...store.options,
      concurrency,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      // crashes are counted by their cause, see above
      maxStalledCount: 1_000_000,
      runRetryDelay: 1_000,
    },
    store.backend,
  );
  worker.on('error', ({ message }) => log.warn({ reason: message }, 'trouble with the queue'));
  worker.on('stalled', async (id) => {
    log.warn({ id }, 'an engine was lost while drawing this, drawing it again');
    const stored = await Job.fromId<StoredJob>(worker, id).catch(() => undefined);
    if (stored) await nextInLine(stored).catch((err) => log.warn({ err, id }, 'it waits once more'));
  });
  worker.on('lockRenewalFailed', (ids) => {
    for (const id of ids) running.get(id)?.abort(new DrawAborted('taken over'));
  });
  await waitUntilReady(worker, store);

  /** Looks for the mark that cancel() leaves: BullMQ's own cancelJob works inside one process only. */
  const cancelCheck = setInterval(async () => {
    for (const [id, controller] of running) {
      const stored = await Job.fromId<StoredJob>(worker, id).catch(() => undefined);
      if (stored?.data.cancelled) controller.abort(new DrawAborted('cancelled'));
    }
  }, CANCEL_CHECK_MS);

  let closed: Promise<void> | undefined;
  const close = async (finishWithinMs: number) => {
    const ended = worker.close();
    const deadline = setTimeout(() => {
      for (const controller of running.values()) controller.abort(new DrawAborted('closing'));
    }, finishWithinMs);
    await ended;
    clearTimeout(deadline);
    clearInterval(cancelCheck);
    await store.close();
  };
  return {
    close(finishWithinMs = 0) {
      closed ??= close(finishWithinMs);
      return closed;
    },
  };
}

function parseJob({ data, id }: Job<StoredJob>): DrawJob {
  const parsed = DrawJob.safeParse(jsonOf(data));
  if (parsed.success) return parsed.data;
  throw new InputError('bot and engine are of different versions: update both', {
    cause: new Error(`job ${id}: ${z.prettifyError(parsed.error)}`),
  });
}

/** Whom to tell about a job, even if the rest of it can't be understood. */
function replyOf({ data }: Job<StoredJob>): Reply | undefined {
  return z.object({ reply: Reply }).safeParse(jsonOf(data)).data?.reply;
}

function jsonOf({ job }: StoredJob): unknown {
  try {
    return JSON.parse(job);
  } catch {
    return undefined;
  }
}

/** A job that was interrupted has waited already; on PostgreSQL BullMQ would put it at the end. */
async function nextInLine(stored: Job<StoredJob>): Promise<void> {
  await stored.changePriority({ priority: 0, lifo: true });
}

/** Runs the functions given to it one after the other. */
function oneAtATime() {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(run: () => Promise<T>): Promise<T> => {
    const result = last.then(run);
    last = result.catch(() => {});
    return result;
  };
}
