import { describe, expect, it } from 'vitest';
import { batchRows } from '../../src/engine/pipeline/batch-rows.ts';
import { type Tensor, tensor } from '../../src/engine/tensor.ts';

interface Inputs {
  readonly sample: Tensor;
  readonly timestep: readonly number[];
}

/** Adds its timestep to each row and notes how many rows each run had. */
function network() {
  const runs: number[] = [];
  const run = async ({ sample, timestep }: Inputs) => {
    runs.push(timestep.length);
    const width = sample.data.length / timestep.length;
    return tensor(
      sample.data.map((value, i) => value + (timestep[Math.floor(i / width)] as number)),
      sample.shape,
    );
  };
  return { run, runs };
}

const input = (value: number, timesteps: number[], width = 2): Inputs => ({
  sample: tensor(new Float32Array(timesteps.length * width).fill(value), [timesteps.length, width]),
  timestep: timesteps,
});

/** As a sampler: each step from the result of the last one. */
async function picture(predict: (inputs: Inputs) => Promise<Tensor>, start: number, steps: number) {
  let x = input(start, [0]).sample;
  for (let t = 0; t < steps; t++) x = await predict({ sample: x, timestep: [t] });
  return x.data[0];
}

describe('batchRows', () => {
  it('gives each caller its own rows, computed in one run', async () => {
    const { run, runs } = network();
    const predict = batchRows(run, 8);
    const [a, b, c] = await Promise.all([
      predict(input(1, [10])),
      predict(input(2, [20, 30])),
      predict(input(3, [40])),
    ]);
    expect([...a.data]).toEqual([11, 11]);
    expect([...b.data]).toEqual([22, 22, 32, 32]);
    expect([...c.data]).toEqual([43, 43]);
    expect(b.shape).toEqual([2, 2]);
    expect(runs).toEqual([4]);
  });

  it('keeps pictures of different lengths together, step by step, and lets one join in the middle', async () => {
    const { run, runs } = network();
    const predict = batchRows(run, 8);
    const early = [picture(predict, 0, 5), picture(predict, 100, 3)];
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    const late = picture(predict, 1000, 2);
    expect(await Promise.all([...early, late])).toEqual([0 + 1 + 2 + 3 + 4, 100 + 1 + 2, 1000 + 1]);
    expect(runs.reduce((sum, rows) => sum + rows)).toBe(10);
    expect(runs.length).toBeLessThan(7);
    expect(Math.max(...runs)).toBe(3);
  });

  it('never runs more rows than allowed, in the order of coming, except for a single larger call', async () => {
    const { run, runs } = network();
    const predict = batchRows(run, 3);
    const order: number[] = [];
    const call = (timesteps: number[]) => predict(input(0, timesteps)).then(() => order.push(timesteps[0] as number));
    await Promise.all([call([1, 1]), call([2, 2]), call([3]), call([4, 4, 4, 4])]);
    expect(runs).toEqual([3, 2, 4]);
    expect(order).toEqual([1, 3, 2, 4]);
  });

  it('does not mix pictures of different sizes', async () => {
    const { run, runs } = network();
    const predict = batchRows(run, 8);
    const results = await Promise.all([
      predict(input(1, [1], 2)),
      predict(input(1, [1], 3)),
      predict(input(1, [1], 2)),
    ]);
    expect(results.map(({ shape }) => shape[1])).toEqual([2, 3, 2]);
    expect(runs).toEqual([2, 1]);
  });

  it('tells every caller of a run that failed, and goes on', async () => {
    const predict = batchRows(async ({ sample, timestep }: Inputs) => {
      if (timestep.includes(13)) throw new Error('out of memory');
      return sample;
    }, 2);
    const results = await Promise.allSettled([predict(input(1, [13])), predict(input(2, [2])), predict(input(3, [3]))]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  });

  it('copies what stays the same from step to step once, as long as the same pictures are together', async () => {
    const conditions: Tensor[] = [];
    const predict = batchRows(async (inputs: Inputs & { readonly condition: Tensor }) => {
      conditions.push(inputs.condition);
      return inputs.sample;
    }, 8);
    const [a, b] = [input(1, [0]).sample, input(2, [0]).sample];
    const step = (...parts: Tensor[]) =>
      Promise.all(parts.map((condition) => predict({ ...input(0, [0]), condition })));
    for (const parts of [
      [a, b],
      [a, b],
      [b, a],
      [b, a, a],
      [a, b],
    ])
      await step(...parts);
    expect(conditions.map(({ data }) => [...data].filter((_, i) => i % 2 === 0))).toEqual([
      [1, 2],
      [1, 2],
      [2, 1],
      [2, 1, 1],
      [1, 2],
    ]);
    expect(conditions[1]).toBe(conditions[0]);
    expect(conditions[4]).not.toBe(conditions[0]);
  });
});
