import { Queue } from 'bullmq';
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { InputError } from '../../src/errors.ts';
import type { DrawQueue } from '../../src/queue/draw-queue.ts';
import {
  DrawAborted,
  type DrawHandler,
  type DrawWorker,
  type GivenUp,
  startDrawWorker,
} from '../../src/queue/draw-worker.ts';
import type { DrawResult } from '../../src/queue/messages.ts';
import { openStore, QUEUE_NAME, type QueueConfig, type Store } from '../../src/queue/store.ts';
import { backends, finished, job, log, ofTheFile, openQueue, promptOf, soon } from './backends.ts';

const delivered: DrawResult = { outcome: 'delivered' };

const openRaw = ({ options, backend }: Store) => new Queue(QUEUE_NAME, options, backend);

describe.each(backends)('the queue, $name', ({ missing, newQueue }) => {
  describe.skipIf(missing)('', () => {
    let config: QueueConfig;
    let queue: DrawQueue;
    /** BullMQ's own view of the same queue. */
    let raw: ReturnType<typeof openRaw>;
    let givenUp: GivenUp[];

    beforeAll(async () => {
      config = await newQueue(ofTheFile);
      queue = await openQueue(config, ofTheFile);
      const store = await openStore(config, 'fail');
      raw = openRaw(store);
      ofTheFile(async () => {
        await raw.close();
        await store.close();
      });
    });
    beforeEach(async () => {
      givenUp = [];
      await raw.obliterate({ force: true });
      await raw.resume();
    });

    async function start(handler: DrawHandler, concurrency = 1): Promise<DrawWorker> {
      const onGivenUp = async (it: GivenUp) => void givenUp.push(it);
      const worker = await startDrawWorker(config, handler, { concurrency, onGivenUp, log });
      onTestFinished(() => worker.close());
      return worker;
    }

    test('draws in the order of arrival and tells how many wait before', async () => {
      const prompts = ['red heart', 'blue star', 'zero \u0000 and half a pair \ud83d', '❤️'];
      const added = [];
      for (const prompt of prompts) added.push(await queue.add(job(prompt)));
      expect(added.map(({ position }) => position)).toEqual([0, 1, 2, 3]);
      expect(await queue.position(added[2]!.id)).toBe(2);
      expect(await queue.counts()).toEqual({ waiting: 4, running: 0 });

      const drawn: string[] = [];
      await start(async (it, { attempt }) => {
        drawn.push(promptOf(it));
        expect(attempt).toBe(1);
        return delivered;
      });
      await finished(queue);
      expect(drawn).toEqual(prompts);
      expect(await queue.position(added[2]!.id)).toBeUndefined();
    });

    test('an engine that is there first gets the job at once, and the same message only once', async () => {
      const drawn: string[] = [];
      await start(async (it) => {
        drawn.push(promptOf(it));
        return delivered;
      });
      const heart = job('red heart');
      expect(await queue.add(heart)).toEqual({ id: `message-${heart.reply.messageId}`, position: 0 });
      await queue.add(heart);
      await finished(queue);
      expect(drawn).toEqual(['red heart']);
    });

    test('as many at the same time as asked for, no more', async () => {
      let atOnce = 0;
      let most = 0;
      let release = () => {};
      const three = new Promise<void>((resolve) => {
        release = resolve;
      });
      for (let i = 0; i < 6; i++) await queue.add(job(`${i}`));
      await start(async () => {
        most = Math.max(most, ++atOnce);
        if (atOnce === 3) release();
        await three;
        atOnce--;
        return delivered;
      }, 3);
      await finished(queue);
      expect(most).toBe(3);
    });

    test('cancels what waits, stops what runs, and says so when there is nothing to cancel', async () => {
      const drawn: string[] = [];
      let reason: unknown;
      const running = await queue.add(job('running'));
      const waiting = await queue.add(job('waiting'));
      await start(async (it, { signal }) => {
        drawn.push(promptOf(it));
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        reason = signal.reason;
        throw signal.reason;
      });
      await expect.poll(() => drawn, soon).toEqual(['running']);

      expect(await queue.cancel(waiting.id)).toBe('removed');
      expect(await queue.cancel(waiting.id)).toBeUndefined();
      expect(await queue.cancel(running.id)).toBe('stopping');
      await finished(queue);
      expect(reason).toBeInstanceOf(DrawAborted);
      expect(reason).toMatchObject({ why: 'cancelled' });
      expect(await queue.cancel(running.id)).toBeUndefined();
      expect(await queue.cancel('message-0')).toBeUndefined();
      expect(drawn).toEqual(['running']);
    });

    test('a job that makes no sense is given up, its user told if known, and the next one drawn', async () => {
      const future = { ...job('x'), version: 2, task: { kind: 'sculpt' } };
      await raw.add('draw', { job: JSON.stringify(future) }, { jobId: 'a' });
      await raw.add('draw', { job: '{' }, { jobId: 'b' });
      await raw.add('draw', {}, { jobId: 'c' });
      await queue.add(job('red heart'));

      const drawn: string[] = [];
      await start(async (it) => {
        drawn.push(promptOf(it));
        return delivered;
      });
      await finished(queue);
      expect(drawn).toEqual(['red heart']);
      const reason = 'bot and engine are of different versions: update both';
      expect(givenUp).toEqual([{ id: 'a', reply: future.reply, reason }]);
      expect(await raw.getJobCounts('failed')).toEqual({ failed: 3 });
      expect(await raw.getJob('b')).toMatchObject({ failedReason: reason });
    });

    test("a person's mistake is not tried again, a fault of ours is, three times", async () => {
      const drawn: string[] = [];
      await start(async (it, { attempt }) => {
        drawn.push(`${promptOf(it)} ${attempt}`);
        if (promptOf(it) === 'mistake') throw new InputError('the picture is a text file');
        if (promptOf(it) === 'hiccup' && attempt === 2) return delivered;
        throw new Error('no such graphics card');
      }, 3);
      const [mistake, , fault] = [job('mistake'), job('hiccup'), job('fault')].map(
        (it) => [it, queue.add(it)] as const,
      );
      await queue.add(job('hiccup'));
      await Promise.all([mistake![1], fault![1]]);
      await finished(queue);
      expect(drawn.toSorted()).toEqual(
        ['mistake 1', 'hiccup 1', 'hiccup 1', 'hiccup 2', 'hiccup 2', 'fault 1', 'fault 2', 'fault 3'].toSorted(),
      );
      expect(givenUp).toEqual([
        { id: expect.any(String), reply: mistake![0].reply, reason: 'the picture is a text file' },
        { id: expect.any(String), reply: fault![0].reply, reason: 'drawing failed 3 times by a fault of the engine' },
      ]);
    });

    test('close lets running jobs end', async () => {
      let ended = false;
      let release = () => {};
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      const worker = await start(async () => {
        await released;
        ended = true;
        return delivered;
      });
      await queue.add(job('a'));
      await queue.add(job('b'));
      await expect.poll(() => queue.counts(), soon).toEqual({ waiting: 1, running: 1 });
      const closed = worker.close(10_000);
      setTimeout(release, 100);
      await closed;
      expect(ended).toBe(true);
      expect(await queue.counts()).toEqual({ waiting: 1, running: 0 });
    });

    test('close hands back what does not end in time, and that does not count as a crash', async () => {
      const seen: unknown[] = [];
      await queue.add(job('a'));
      const worker = await start(async (_, { attempt, signal }) => {
        seen.push(attempt);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        seen.push(signal.reason.why);
        throw new Error('stopped');
      });
      await expect.poll(() => seen, soon).toEqual([1]);
      await worker.close();
      expect(await queue.counts()).toEqual({ waiting: 1, running: 0 });
      await start(async (_, { attempt }) => {
        seen.push(attempt);
        return delivered;
      });
      await finished(queue);
      expect(seen).toEqual([1, 'closing', 1]);
    });

    test('a job at which engines crashed is drawn beside no other such job, and given up after three', async () => {
      const crashed = async (prompt: string, crashes: number) => {
        const { id } = await queue.add(job(prompt));
        await raw.updateJobProgress(id, { crashes });
        return id;
      };
      await crashed('suspect', 1);
      const poison = await crashed('poison', 3);
      await crashed('suspect', 2);
      await queue.add(job('fresh'));
      await queue.add(job('fresh'));

      const atOnce = { suspect: 0, fresh: 0 };
      const most = { suspect: 0, fresh: 0 };
      await start(async (it, { attempt }) => {
        const kind = promptOf(it) as 'suspect' | 'fresh';
        expect(attempt > 1).toBe(kind === 'suspect');
        most[kind] = Math.max(most[kind], ++atOnce[kind]);
        await new Promise((resolve) => setTimeout(resolve, 200));
        atOnce[kind]--;
        return delivered;
      }, 5);
      await finished(queue);
      expect(most).toEqual({ suspect: 1, fresh: 2 });
      expect(givenUp).toMatchObject([{ id: poison, reason: 'the engine stopped 3 times while drawing this' }]);
    });
  });
});
