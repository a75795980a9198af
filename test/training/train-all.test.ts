import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as tfjs from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { checkpointOf, trainedSteps } from '../../src/engine/training/checkpoint.ts';
import { trainAll } from '../../src/engine/training/parts.ts';
import type { Task } from '../../src/engine/training/task.ts';
import { tensorflow as tf } from './tensorflow-js.ts';
import { writeTinyPictures, writeTinyRuns } from './tiny-runs.ts';

const MINUTE = 60_000;

vi.mock('../../src/engine/training/loop.ts', async (importOriginal) => {
  const loop = await importOriginal<typeof import('../../src/engine/training/loop.ts')>();
  /** Trains a single number instead, a step a minute. */
  const ofNumber = ({ name, optimizer }: Task): Task => ({
    name,
    optimizer,
    batchSize: 1,
    batch: () => undefined,
    loss: (weights) => {
      vi.advanceTimersByTime(MINUTE);
      return { total: tf.sum(tf.square(weights.get('weight', [1]))) as tfjs.Scalar, parts: {} };
    },
    // comes on top of its time
    evaluate: async () => {
      if (name === 'prior') vi.advanceTimersByTime(500 * MINUTE);
      return { figures: {} };
    },
  });
  const trainTask: typeof loop.trainTask = (tf, task, ...rest) => loop.trainTask(tf, ofNumber(task as Task), ...rest);
  return { ...loop, trainTask };
});

let dir: string;
beforeEach(async () => {
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  dir = await mkdtemp(join(tmpdir(), 'unclip-all-'));
});
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await rm(dir, { recursive: true });
});

/** Autoencoder and CLIP have made their steps; prior and decoder have not begun. */
async function begin(): Promise<[data: string, runs: string]> {
  const [data, runs] = [join(dir, 'data'), join(dir, 'runs')];
  await writeTinyPictures(data);
  await writeTinyRuns(runs);
  for (const part of ['prior', 'decoder']) await rm(checkpointOf(runs, part));
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  return [data, runs];
}

test('a part makes a step also where one of another has taken all the time', async () => {
  const [data, runs] = await begin();
  await trainAll(tf, { data, runs, seed: 0, time: 0.9 * MINUTE, steps: 10, say: () => {} });
  for (const part of ['prior', 'decoder']) expect(await trainedSteps(runs, part), part).toBe(1);
});

test('from nothing, the learning rate of each part has fallen when its share of the time is over, and evaluations of others leave it that', async () => {
  const [data, runs] = await begin();
  await trainAll(tf, { data, runs, seed: 0, time: 200 * MINUTE, steps: 10, say: () => {} });
  const ratesOf = async (part: string) => {
    const lines = (await readFile(join(runs, part, 'log.jsonl'), 'utf8')).trim().split('\n');
    return lines.flatMap((line) => (JSON.parse(line) as { learningRate?: number }).learningRate ?? []);
  };
  // the prior's planned steps end before its share does
  for (const [part, peak, least] of [
    ['prior', 6e-4, 10],
    ['decoder', 8e-4, 180],
  ] as const) {
    const rates = await ratesOf(part);
    expect(rates.length).toBeGreaterThanOrEqual(least);
    expect(Math.max(...rates) / peak, part).toBeGreaterThan(0.9);
    expect(rates[Math.floor(rates.length / 2) - 1]! / peak, part).toBeCloseTo(0.525, 1);
    expect(rates.at(-1)! / peak, part).toBeCloseTo(0.05, 2);
  }
});
