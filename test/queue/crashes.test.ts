import { describe, test } from 'vitest';
import { backends, type EngineEvent, finished, forkEngine, job, openQueue, soon } from './backends.ts';

describe.concurrent.each(backends)('after kill -9, $name', ({ missing, newQueue, crash }) => {
  describe.skipIf(missing)('', () => {
    test('of the engine in the middle of a job, the next engine draws it once', async ({ expect, onTestFinished }) => {
      const config = await newQueue(onTestFinished);
      const queue = await openQueue(config, onTestFinished);
      await queue.add(job('2000 heart'));
      const first: EngineEvent[] = [];
      const second: EngineEvent[] = [];
      const engine = forkEngine(config, onTestFinished, (event) => first.push(event));
      await expect.poll(() => first, soon).toHaveLength(1);
      engine.kill('SIGKILL');
      forkEngine(config, onTestFinished, (event) => second.push(event));
      await finished(queue);
      expect(first).toEqual([{ event: 'started', prompt: '2000 heart', attempt: 1 }]);
      // its messages may come after the queue's news
      await expect
        .poll(() => second, soon)
        .toEqual([
          { event: 'started', prompt: '2000 heart', attempt: 2 },
          { event: 'finished', prompt: '2000 heart', attempt: 2 },
        ]);
    });

    test('of the engine, its job is the next in line', async ({ expect, onTestFinished }) => {
      const config = await newQueue(onTestFinished);
      const queue = await openQueue(config, onTestFinished);
      const { id } = await queue.add(job('60000 heart'));
      const events: EngineEvent[] = [];
      const engine = forkEngine(config, onTestFinished, (event) => events.push(event));
      await expect.poll(() => events, soon).toHaveLength(1);
      engine.kill('SIGKILL');
      for (let i = 0; i < 6; i++) await queue.add(job('60000 star'));
      forkEngine(config, onTestFinished, (event) => events.push(event));
      await expect.poll(() => queue.position(id), soon).toBe(0);
      expect(await queue.counts()).toEqual({ waiting: 3, running: 4 });
    });

    test('of engine and queue, none of 200 jobs is lost', async ({ expect, onTestFinished }) => {
      const config = await newQueue(onTestFinished);
      const prompts = Array.from({ length: 200 }, (_, i) => `20 picture ${i}`);
      const events: EngineEvent[] = [];
      const first = forkEngine(config, onTestFinished, (event) => events.push(event));
      forkEngine(config, onTestFinished, (event) => events.push(event));
      const queue = await openQueue(config, onTestFinished);
      const drawn = () => events.filter(({ event }) => event === 'finished').map(({ prompt }) => prompt);
      const adding = (async () => {
        for (const it of prompts.map(job)) while (!(await queue.add(it).catch(() => undefined)));
      })();
      await expect.poll(() => drawn().length, soon).toBeGreaterThan(40);
      await crash(config);
      await expect.poll(() => drawn().length, soon).toBeGreaterThan(120);
      first.kill('SIGKILL');
      await adding;
      await finished(queue);
      await expect.poll(() => new Set(drawn()), soon).toEqual(new Set(prompts));
      // at least once is promised: only what was in hand when something was killed may have been drawn again
      expect(drawn().length).toBeLessThanOrEqual(prompts.length + 16);
    });

    test('or when it was only stopped for a while, an engine learns that its job was taken over', async ({
      expect,
      onTestFinished,
    }) => {
      const config = await newQueue(onTestFinished);
      const queue = await openQueue(config, onTestFinished);
      const { id } = await queue.add(job('60000 heart'));
      const first: EngineEvent[] = [];
      const second: EngineEvent[] = [];
      const engine = forkEngine(config, onTestFinished, (event) => first.push(event));
      await expect.poll(() => first, soon).toHaveLength(1);
      engine.kill('SIGSTOP');
      forkEngine(config, onTestFinished, (event) => second.push(event));
      await expect.poll(() => second, soon).toHaveLength(1);
      engine.kill('SIGCONT');
      await expect.poll(() => first.map(({ event }) => event), soon).toEqual(['started', 'taken over']);
      expect(await queue.cancel(id)).toBe('stopping');
      await finished(queue);
      await expect.poll(() => second.map(({ event }) => event), soon).toEqual(['started', 'cancelled']);
    });

    test('of the engine, a job cancelled before the next engine comes is stopped there', async ({
      expect,
      onTestFinished,
    }) => {
      const config = await newQueue(onTestFinished);
      const queue = await openQueue(config, onTestFinished);
      const { id } = await queue.add(job('60000 heart'));
      const events: EngineEvent[] = [];
      const engine = forkEngine(config, onTestFinished, (event) => events.push(event));
      await expect.poll(() => events, soon).toHaveLength(1);
      engine.kill('SIGKILL');
      expect(await queue.cancel(id)).toBe('stopping');
      forkEngine(config, onTestFinished, (event) => events.push(event));
      await finished(queue);
      await expect.poll(() => events.map(({ event }) => event), soon).toEqual(['started', 'started', 'cancelled']);
    });
  });
});
