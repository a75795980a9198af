import { type IQueueBackend, Queue } from 'bullmq';
import type { Logger } from 'pino';
import { DrawJob, type DrawResult, jobId } from './messages.ts';
import { openStore, QUEUE_NAME, type QueueConfig, type StoredJob, waitUntilReady } from './store.ts';

/** Tries of one job when something of ours fails, seconds apart. */
export const ATTEMPTS = 3;

const JOB_OPTIONS = {
  attempts: ATTEMPTS,
  backoff: { type: 'exponential', delay: 1_000 },
  removeOnComplete: { age: 24 * 3600, count: 1_000 },
  removeOnFail: { age: 7 * 24 * 3600, count: 1_000 },
};

// biome-ignore lint/suspicious/noExplicitAny: as in Store
type StoredQueue = Queue<StoredJob, DrawResult, string, StoredJob, DrawResult, string, IQueueBackend, any>;

/** The bot's end of the queue. */
export interface DrawQueue {
  /**
   * Stores the job; it is drawn at least once from then on, whatever crashes. Position: how many wait before it.
   * The id is jobId() of the reply's message; a job with the same one is not added again.
   */
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

/** @throws InputError when the queue can't be used: Redis doesn't answer, the folder can't be written */
export async function openDrawQueue(config: QueueConfig, { log }: { log: Logger }): Promise<DrawQueue> {
  const store = await openStore(config, 'fail');
  const queue: StoredQueue = new Queue(
    QUEUE_NAME,
    { ...store.options, defaultJobOptions: JOB_OPTIONS, streams: { events: { maxLen: 100 } } },
    store.backend,
  );
  queue.on('error', ({ message }) => log.warn({ reason: message }, 'trouble with the queue'));
  await waitUntilReady(queue, store);

  const position = async (id: string) => {
    const index = (await queue.getRanges(['waiting'], 0, -1, true)).indexOf(id);
    return index < 0 ? undefined : index;
  };

  return {
    async add(job) {
      const id = jobId(job.reply.messageId);
      await queue.add('draw', { job: JSON.stringify(DrawJob.parse(job)) }, { jobId: id });
      return { id, position: (await position(id)) ?? 0 };
    },

    position,

    async counts() {
      // delayed: between two attempts
      const { waiting = 0, delayed = 0, active = 0 } = await queue.getJobCounts('waiting', 'delayed', 'active');
      return { waiting: waiting + delayed, running: active };
    },

    async cancel(id) {
      const job = await queue.getJob(id);
      if (!job || job.finishedOn !== undefined) return undefined;
      if (await queue.remove(id)) return 'removed';
      // a worker holds it, maybe one that was killed: then the next one finds the mark
      await job.updateData({ ...job.data, cancelled: true });
      return 'stopping';
    },

    async close() {
      await queue.close();
      await store.close();
    },
  };
}
