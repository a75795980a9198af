import { join } from 'node:path';
import {
  type BackendFactory,
  createPostgresBackend,
  createRedisBackend,
  type IQueueBackend,
  type QueueBase,
} from 'bullmq';
import { Redis } from 'ioredis';
import type { Config } from '../config.ts';
import { InputError } from '../errors.ts';
import { openEmbedded } from './embedded/client.ts';

export const QUEUE_NAME = 'draw';
/** Of the keys in Redis, which others may use as well. */
const PREFIX = 'unclip';

/** What the queue needs to know: Redis with `redisUrl`, else embedded in `dataDir`. */
export type QueueConfig = Pick<Config, 'redisUrl' | 'dataDir'>;

/** A job as BullMQ keeps it. */
export interface StoredJob {
  /** A DrawJob in JSON. As text, because PostgreSQL's jsonb refuses some characters that a prompt may have. */
  readonly job: string;
  /** Set by cancel() while the job is being drawn. */
  readonly cancelled?: true;
}

/** What BullMQ's classes need: the connection that they share in this process, and the backend made for it. */
export interface Store {
  // biome-ignore lint/suspicious/noExplicitAny: the connection's type depends on the backend's
  readonly options: { connection: any; prefix: string };
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly backend: BackendFactory<IQueueBackend, any>;
  close(): Promise<void>;
}

/** @throws InputError when the queue can't be used: Redis doesn't answer, the folder can't be written */
export async function openStore({ redisUrl, dataDir }: QueueConfig, outage: 'wait' | 'fail'): Promise<Store> {
  if (redisUrl === undefined) {
    const connection = await openEmbedded(join(dataDir, 'queue'));
    return { options: { connection, prefix: PREFIX }, backend: createPostgresBackend, close: () => connection.end() };
  }
  const connection = await openRedis(redisUrl, outage);
  return {
    options: { connection, prefix: PREFIX },
    backend: createRedisBackend,
    close: async () => connection.disconnect(),
  };
}

/** @throws InputError when BullMQ refuses the store: Redis is too old, or a newer BullMQ has migrated the database */
export async function waitUntilReady(bullmq: Pick<QueueBase, 'waitUntilReady' | 'close'>, store: Store): Promise<void> {
  try {
    await bullmq.waitUntilReady();
  } catch (error) {
    await bullmq.close();
    await store.close();
    throw new InputError(`the queue can't be used: ${(error as Error).message}`);
  }
}

const REDIS_TIMEOUT_MS = 5_000;

/** @param outage while Redis is away, commands wait for it (a worker), or fail after 3 attempts (someone expects an answer) */
async function openRedis(url: string, outage: 'wait' | 'fail'): Promise<Redis> {
  const redis = new Redis(url, { maxRetriesPerRequest: outage === 'wait' ? null : 3 });
  let last: Error | undefined;
  redis.on('error', (error) => {
    last = error;
  });
  const ready = await new Promise((resolve) => {
    redis.once('ready', () => resolve(true));
    setTimeout(resolve, REDIS_TIMEOUT_MS, false).unref();
  });
  if (ready) return redis;
  redis.disconnect();
  throw new InputError(`REDIS_URL: no answer from Redis at ${new URL(url).host}: ${last?.message ?? 'silence'}`);
}
