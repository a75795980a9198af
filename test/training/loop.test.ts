import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as tfjs from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Weights } from '../../src/engine/ops/ops.ts';
import { WeightMismatchError } from '../../src/engine/ops/weights.ts';
import { loadCheckpoint, loadNotes } from '../../src/engine/training/checkpoint.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { explainFullDisk } from '../../src/engine/training/full-disk.ts';
import { DivergedError, parametersOf, type TrainOptions, trainTask } from '../../src/engine/training/loop.ts';
import { ArrayOptimizer } from '../../src/engine/training/optimizer/adamw.ts';
import type { Task } from '../../src/engine/training/task.ts';
import { SafetensorsError } from '../../src/engine/weights/safetensors.ts';
import { tensorflow as tf } from './tensorflow-js.ts';

let runs: string;
beforeEach(async () => {
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  runs = await mkdtemp(join(tmpdir(), 'unclip-runs-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(runs, { recursive: true, force: true });
});

/** y = 2x₀ − 3x₁ + 0.5, to be found from examples. */
function lineTask({ width = 2, poison = Number.POSITIVE_INFINITY } = {}): Task<{ x: Float32Array; y: Float32Array }> {
  return {
    name: 'line',
    batchSize: 8,
    optimizer: {
      learningRate: 0.1,
      warmup: 1,
      horizon: 400,
      average: 0.9,
      beta1: 0.9,
      beta2: 0.99,
      eps: 1e-8,
      weightDecay: 0,
      maxNorm: 10,
    },
    batch(step) {
      const x = new Dice(0, step).normal([8, width]).data;
      const y = Float32Array.from({ length: 8 }, (_, i) => 2 * x[i * width]! - 3 * x[i * width + 1]! + 0.5);
      if (step >= poison) y[0] = Number.NaN;
      return { x, y };
    },
    loss(weights: Weights<tfjs.Tensor>, { x, y }) {
      const predicted = tf.add(
        tf.matMul(tf.tensor2d(x, [8, width]), weights.get('weight', [1, width]), false, true),
        weights.get('bias', [1]),
      );
      return { total: tf.mean(tf.squaredDifference(predicted, tf.tensor2d(y, [8, 1]))) as tfjs.Scalar, parts: {} };
    },
    evaluate: async (weights) => ({ figures: { bias: weights.get('bias', [1]).dataSync()[0]! } }),
  };
}

const options = (more: Partial<TrainOptions> = {}): TrainOptions => ({ runs, time: 60_000, ...more });
const checkpoint = () => join(runs, 'line', 'checkpoint.safetensors');
const earlier = () => join(runs, 'line', 'checkpoint-before.safetensors');
const saved = async () => {
  const parameters = await parametersOf(tf, lineTask());
  return loadCheckpoint(checkpoint(), parameters, () => parameters.initialise(0));
};

test('it learns, keeps what it learned and writes down how', async () => {
  const { values, average } = await trainTask(tf, lineTask(), options({ maxSteps: 300 }));
  expect(values).toBeAllClose([2, -3, 0.5], { atol: 1e-2 });
  expect((await saved())?.average).toEqual(average);
  const log = (await readFile(join(runs, 'line', 'log.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(log).toHaveLength(301);
  expect(log[0]).toMatchObject({ step: 1, learningRate: expect.any(Number), norm: expect.any(Number) });
  expect(log[299].loss).toBeLessThan(log[0].loss / 1000);
  expect(log[300]).toMatchObject({ step: 300, evaluation: { bias: expect.closeTo(0.5, 1) } });
});

test('the peak of the learning rate can be another than the task’s own', async () => {
  await trainTask(tf, lineTask(), options({ maxSteps: 1, learningRate: 0.01 }));
  const [first] = (await readFile(join(runs, 'line', 'log.jsonl'), 'utf8')).split('\n');
  expect(JSON.parse(first!).learningRate).toBeCloseTo(0.01, 5);
});

describe('the learning rate falls over the time, from a part of the peak', () => {
  const MINUTE = 60_000;
  /** A step a minute. */
  async function train(minutes: number, { stopAt, ...more }: { stopAt?: number } & Partial<TrainOptions> = {}) {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    const task = lineTask();
    const stop = new AbortController();
    const batch: typeof task.batch = (step) => {
      if (step + 1 === stopAt) stop.abort();
      return task.batch(step);
    };
    const loss: typeof task.loss = (...of) => {
      vi.advanceTimersByTime(MINUTE);
      return task.loss(...of);
    };
    const falling = { fallsOverTime: true, ofPeak: 1 / 3, signal: stop.signal };
    const asked = options({ time: minutes * MINUTE, ...falling, ...more });
    await trainTask(tf, { ...task, batch, loss }, asked).finally(vi.useRealTimers);
    const lines = (await readFile(join(runs, 'line', 'log.jsonl'), 'utf8')).trim().split('\n');
    const rates = lines.flatMap((line) => (JSON.parse(line) as { learningRate?: number }).learningRate ?? []);
    return { rates, schedule: (await loadNotes(checkpoint())).schedule };
  }

  test('of one call', async () => {
    const { rates } = await train(100);
    expect(rates).toHaveLength(100);
    expect(Math.max(...rates)).toBeCloseTo(0.1 / 3, 3);
    expect(rates.at(-1)).toBeCloseTo(0.1 / 3 / 20, 3);
  });

  test('of one call that its steps end before the time does', async () => {
    const { rates } = await train(100, { maxSteps: 40 });
    expect(rates).toHaveLength(40);
    expect(rates.at(-1)).toBeCloseTo(0.1 / 3 / 20, 3);
  });

  test('of a call that was stopped and the one that goes on, as of one', async () => {
    const whole = await train(100);
    await rm(join(runs, 'line'), { recursive: true });
    const { schedule } = await train(100, { stopAt: 30 });
    expect(schedule).toEqual({ adapted: 30 * MINUTE });
    const resumed = await train(70, schedule);
    expect(resumed.rates).toBeAllClose(whole.rates, { atol: 1e-6 });
    expect(resumed.schedule).toEqual({ adapted: 100 * MINUTE });
  });
});

test('it is evaluated as often as it is asked to be', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  const task = lineTask();
  const loss: typeof task.loss = (...of) => {
    vi.advanceTimersByTime(60_000);
    return task.loss(...of);
  };
  const asked = options({ time: 20 * 60_000, betweenEvaluations: 5 * 60_000 });
  await trainTask(tf, { ...task, loss }, asked).finally(vi.useRealTimers);
  const log = (await readFile(join(runs, 'line', 'log.jsonl'), 'utf8')).trim().split('\n');
  const evaluations = log.map((line) => JSON.parse(line)).filter(({ evaluation }) => evaluation);
  expect(evaluations.map(({ step }) => step)).toEqual([6, 12, 18, 20]);
});

test('stopped and gone on with, it computes the same numbers as in one go', async () => {
  const whole = await trainTask(tf, lineTask(), options({ maxSteps: 20 }));
  await rm(join(runs, 'line'), { recursive: true });
  await trainTask(tf, lineTask(), options({ maxSteps: 7 }));
  const resumed = await trainTask(tf, lineTask(), options({ maxSteps: 20 }));
  expect(resumed).toEqual(whole);
});

test('a short time left is told in seconds, and that an evaluation comes last', async () => {
  await trainTask(tf, lineTask(), options({ maxSteps: 1, time: 20_000 }));
  const shown = vi.mocked(process.stderr.write).mock.calls.join('');
  expect(shown).toMatch(/^line step 1, [\d.]+ samples\/s, (20|19) s left, loss [\d.]+ norm/m);
  expect(shown).toMatch(/line: saved; evaluating, .*\n.*bias/);
});

test('it says what it begins from', async () => {
  const task = lineTask();
  const begin = async (more: Partial<typeof task> = {}) => {
    vi.mocked(process.stderr.write).mockClear();
    await trainTask(tf, { ...task, ...more }, options({ maxSteps: 1 }));
    return vi.mocked(process.stderr.write).mock.calls[0]![0];
  };
  expect(await begin()).toBe('line: 0.0 million parameters, from the start\n');
  expect(await begin({ startsFrom: 'decoder' })).toMatch(/from step 1$/m);
  expect(await begin({ name: 'tuned', startsFrom: 'decoder' })).toMatch(/from the weights of decoder$/m);
});

test('what a killed run of several processes has left is removed', async () => {
  const exchange = join(runs, 'line', 'exchange');
  await mkdir(exchange, { recursive: true });
  await writeFile(join(exchange, 'values'), 'numbers');
  await trainTask(tf, lineTask(), options({ maxSteps: 1 }));
  expect(existsSync(exchange)).toBe(false);
});

test('told to end before its first step, it leaves no checkpoint of random weights', async () => {
  await trainTask(tf, lineTask(), options({ signal: AbortSignal.abort() }));
  expect(await readdir(join(runs, 'line'))).not.toContain('checkpoint.safetensors');
  const shown = vi.mocked(process.stderr.write).mock.calls.join('');
  expect(shown).toContain('line: stopped before its first step');
});

test('it ends after the step in which it is told to, with a checkpoint', async () => {
  const controller = new AbortController();
  const task = lineTask();
  const batch = (step: number) => {
    if (step === 3) controller.abort();
    return task.batch(step);
  };
  await trainTask(tf, { ...task, batch }, options({ signal: controller.signal }));
  expect((await saved())?.step).toBe(4);
});

test('a first checkpoint comes after a minute, others five minutes apart', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  const task = lineTask();
  const found: (number | undefined)[] = [];
  const batch = async (step: number) => {
    found[step] = (await saved())?.step;
    vi.advanceTimersByTime(40_000);
    return task.batch(step);
  };
  await trainTask(tf, { ...task, batch }, options({ time: 60 * 60_000, maxSteps: 12 })).finally(vi.useRealTimers);
  expect(found).toEqual([undefined, undefined, ...Array(8).fill(2), 10, 10]);
});

test('an evaluation that fails loses nothing', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  const task = lineTask();
  const batch = (step: number) => {
    if (step === 3) vi.advanceTimersByTime(11 * 60_000);
    return task.batch(step);
  };
  const evaluate = () => Promise.reject(new Error('no such picture'));
  const failed = trainTask(tf, { ...task, batch, evaluate }, options({ time: 60 * 60_000 }));
  await expect(failed.finally(vi.useRealTimers)).rejects.toThrow('no such picture');
  expect((await saved())?.step).toBe(4);
});

test.each(['batch', 'loss'] as const)('a %s that fails loses nothing', async (name) => {
  const task = lineTask();
  const batch = async (step: number) => ({ ...(await task.batch(step)), step });
  const fail = () => {
    throw new Error('no such picture');
  };
  const failing: Task<Awaited<ReturnType<typeof batch>>> = {
    ...task,
    batch: (step) => (name === 'batch' && step === 3 ? fail() : batch(step)),
    loss: (weights, all) => (name === 'loss' && all.step === 3 ? fail() : task.loss(weights, all)),
  };
  await expect(trainTask(tf, failing, options())).rejects.toThrow('no such picture');
  expect((await saved())?.step).toBe(3);
});

test('an update that fails half done is not saved', async () => {
  await trainTask(tf, lineTask(), options({ maxSteps: 2 }));
  vi.spyOn(ArrayOptimizer.prototype, 'update').mockRejectedValue(new Error('out of memory'));
  vi.spyOn(ArrayOptimizer.prototype, 'state').mockReturnValue({ ...(await saved())!, step: 3 });
  await expect(trainTask(tf, lineTask(), options())).rejects.toThrow('out of memory');
  expect((await saved())?.step).toBe(2);
});

describe('a loss that is no number', () => {
  const poisoned = (poison = 8) => trainTask(tf, lineTask({ poison }), options({ maxSteps: 20 }));

  test('ends the run with the step before saved, and the checkpoint before kept', async () => {
    await trainTask(tf, lineTask(), options({ maxSteps: 5 }));
    const good = await readFile(checkpoint());
    const diverged = poisoned();
    await expect(diverged).rejects.toThrow(/at step 9 the loss is NaN.* Step 8 is saved.* another --seed/);
    await expect(diverged).rejects.toThrow(
      `go back to step 5, which means to put ${earlier()} in the place of ${checkpoint()}, and call npm run train -- line with a lower --learning-rate`,
    );
    await expect(diverged).rejects.toThrow('Its peak of 0.1 is remembered until a call names another');
    await expect(diverged).rejects.toThrow(DivergedError);
    expect((await saved())?.step).toBe(8);
    expect((await readFile(earlier())).equals(good)).toBe(true);
    // with other batches, further, and no number again
    for (const poison of [8, 10, 12]) await expect(poisoned(poison)).rejects.toThrow('go back to step 5');
    expect((await saved())?.step).toBe(12);
    expect((await readFile(earlier())).equals(good)).toBe(true);
  });

  test('lets go of the checkpoint before once the run has been well for five minutes', async () => {
    await trainTask(tf, lineTask(), options({ maxSteps: 5 }));
    await expect(poisoned()).rejects.toThrow('go back to step 5');
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    const slow = lineTask({ poison: 15 });
    const batch = (step: number) => {
      vi.advanceTimersByTime(2 * 60_000);
      return slow.batch(step);
    };
    const train = (maxSteps: number) =>
      trainTask(tf, { ...slow, batch }, options({ time: 60 * 60_000, maxSteps })).finally(vi.useRealTimers);
    await train(10);
    expect(existsSync(earlier())).toBe(true);
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    // saved at step 14, after eight minutes
    await expect(train(20)).rejects.toThrow('go back to step 14');
  });

  test('ends it again with the same batches, not with others', async () => {
    await expect(poisoned()).rejects.toThrow('start anew');
    await expect(poisoned()).rejects.toThrow('at step 9 the loss is NaN');
    expect((await trainTask(tf, lineTask(), options({ maxSteps: 20 }))).step).toBe(20);
  });

  test('at the first step leaves nothing to go on from', async () => {
    await expect(trainTask(tf, lineTask({ poison: 0 }), options())).rejects.toThrow(/at step 1 .* another --seed/);
    expect(existsSync(checkpoint())).toBe(false);
  });
});

test('a checkpoint cut short, or of other widths, is refused and left alone', async () => {
  await trainTask(tf, lineTask(), options({ maxSteps: 2 }));
  await expect(trainTask(tf, lineTask({ width: 3 }), options({ maxSteps: 4 }))).rejects.toThrow(
    `weight: expected (1, 3), found (1, 2) in ${checkpoint()}, whose sizes ${join(runs, 'line', 'config.json')} tells: put back`,
  );
  await expect(trainTask(tf, lineTask({ width: 3 }), options())).rejects.toThrow(WeightMismatchError);
  const { size } = await stat(checkpoint());
  await truncate(checkpoint(), size - 4);
  const cut = trainTask(tf, lineTask(), options());
  await expect(cut).rejects.toThrow(SafetensorsError);
  await expect(cut).rejects.toThrow(`${checkpoint()} is damaged (`);
  await expect(cut).rejects.toThrow(/it is cut off\): put back a copy of it, or delete it/);
  expect((await stat(checkpoint())).size).toBe(size - 4);
});

test.runIf(existsSync('/dev/full'))('a full disk is called by its name', async () => {
  const full = explainFullDisk('runs/line', () => writeFile('/dev/full', 'weights'));
  await expect(full).rejects.toThrow('the disk is full: runs/line could not be written');
});
