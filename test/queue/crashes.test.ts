import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DrawQueue } from '../../src/queue/draw-queue.ts';
import { backends, type EngineEvent, endAfterTests, forkEngine, job, kill, openQueue, serverPid } from './backends.ts';

endAfterTests();

const finished = (queue: DrawQueue) =>
  expect.poll(() => queue.counts(), { timeout: 40_000, interval: 50 }).toEqual({ waiting: 0, running: 0 });

describe.each(backends)('after kill -9, $name', ({ name, missing, newQueue }) => {
  describe.skipIf(missing).concurrent('', () => {
    test('of the engine in the middle of a job, the next engine draws it once', async ({ expect }) => {
      const config = await newQueue();
      const queue = await openQueue(config);
      await queue.add(job('700 heart'));
      const first: EngineEvent[] = [];
      const second: EngineEvent[] = [];
      const engine = forkEngine(config, (event) => first.push(event));
      await expect.poll(() => first, { timeout: 10_000 }).toHaveLength(1);
      engine.kill('SIGKILL');
      forkEngine(config, (event) => second.push(event));
      await finished(queue);
      expect(first).toEqual([{ event: 'started', prompt: '700 heart', attempt: 1 }]);
      expect(second).toEqual([
        { event: 'started', prompt: '700 heart', attempt: 2 },
        { event: 'finished', prompt: '700 heart', attempt: 2 },
      ]);
    });

    test('of an engine and of what serves the queue, none of 200 jobs is lost', async ({ expect }) => {
      const config = await newQueue();
      const prompts = Array.from({ length: 200 }, (_, i) => `20 picture ${i}`);
      const events: EngineEvent[] = [];
      const first = forkEngine(config, (event) => events.push(event));
      forkEngine(config, (event) => events.push(event));
      const queue = await openQueue(config);
      const drawn = () => events.filter(({ event }) => event === 'finished').map(({ prompt }) => prompt);
      const adding = (async () => {
        for (const prompt of prompts) await queue.add(job(prompt));
      })();
      await expect.poll(() => drawn().length, { timeout: 20_000 }).toBeGreaterThan(40);
      if (name === 'embedded') kill(serverPid(join(config.dataDir, 'queue')));
      await expect.poll(() => drawn().length, { timeout: 20_000 }).toBeGreaterThan(120);
      first.kill('SIGKILL');
      await adding;
      await finished(queue);
      expect(new Set(drawn())).toEqual(new Set(prompts));
      // at least once is promised: only what was in hand when something was killed may have been drawn again
      expect(drawn().length).toBeLessThanOrEqual(prompts.length + 8);
    });

    test('of the engine, a job cancelled before the next engine comes is stopped there', async ({ expect }) => {
      const config = await newQueue();
      const queue = await openQueue(config);
      const { id } = await queue.add(job('60000 heart'));
      const events: EngineEvent[] = [];
      const engine = forkEngine(config, (event) => events.push(event));
      await expect.poll(() => events, { timeout: 10_000 }).toHaveLength(1);
      engine.kill('SIGKILL');
      expect(await queue.cancel(id)).toBe('stopping');
      forkEngine(config, (event) => events.push(event));
      await finished(queue);
      expect(events.filter(({ event }) => event === 'finished')).toEqual([]);
    });
  });
});
