import { describe, expect, test, vi } from 'vitest';
import type { StepReport } from '../../src/engine/diffusion/sampler.ts';
import { schedulerFromConfig } from '../../src/engine/diffusion/scheduler.ts';
import { TorchGenerator } from '../../src/engine/random/torch-generator.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import { SAMPLERS } from '../../src/recipe.ts';

const shape = [1, 3, 4, 4];
const ddim = { _class_name: 'DDIMScheduler', beta_start: 0.00085, beta_end: 0.012, clip_sample: false };
const withSampler = (name: (typeof SAMPLERS)[number]) => schedulerFromConfig(ddim, 'config').withSampler(name);
const start = () => new TorchGenerator(0).randn(shape);
const denoise = async (x: Tensor) => ({ data: x.data.map(Math.tanh), shape: x.shape });
const noise = () => new TorchGenerator(1).randn(shape);

describe.each(SAMPLERS)('%s', (name) => {
  const scheduler = withSampler(name);

  test.each([1, 2, 20])('in %d steps reports every evaluation in order and ends where the last one does', async (n) => {
    const reports: StepReport[] = [];
    const evaluate = vi.fn(denoise);
    const options = { noise, onStep: (report: StepReport) => reports.push(report) };
    const end = await scheduler.sampler(evaluate, start(), scheduler.schedule(n), options);
    const evaluations = name === 'heun' ? 2 * n - 1 : n;
    expect(evaluate).toHaveBeenCalledTimes(evaluations);
    expect(reports.map(({ step }) => step)).toEqual([...Array(evaluations).keys()]);
    expect(reports.every(({ steps }) => steps === evaluations)).toBe(true);
    expect(reports.at(-1)?.prevSample).toBe(end);
    expect(end.shape).toEqual(shape);
    expect(end.data.every(Number.isFinite)).toBe(true);
  });

  test('leaves the sample that it starts from as it was', async () => {
    const x = start();
    await scheduler.sampler(denoise, x, scheduler.schedule(3), { noise });
    expect(x.data).toEqual(start().data);
  });

  test('stops before the next evaluation when aborted', async () => {
    const controller = new AbortController();
    const evaluate = vi.fn(denoise);
    const onStep = ({ step }: StepReport) => step === 2 && controller.abort(new Error('cancelled'));
    const drawing = scheduler.sampler(evaluate, start(), scheduler.schedule(10), {
      noise,
      onStep,
      signal: controller.signal,
    });
    await expect(drawing).rejects.toThrow('cancelled');
    expect(evaluate).toHaveBeenCalledTimes(3);
  });

  test('rows of a batch do not see each other', async () => {
    const schedule = scheduler.schedule(4);
    const generator = new TorchGenerator(3);
    const rows = [generator.randn(shape), generator.randn(shape)];
    const stack = (parts: Tensor[]) => ({
      data: Float32Array.from(parts.flatMap(({ data }) => [...data])),
      shape: [parts.length, ...shape.slice(1)],
    });
    const together = await scheduler.sampler(denoise, stack(rows), schedule, {
      noise: () => stack([noise(), noise()]),
    });
    const alone = await Promise.all(rows.map((row) => scheduler.sampler(denoise, row, schedule, { noise })));
    expect(together).toBeAllClose(stack(alone), { atol: 0 });
  });
});

test('started in the middle, a schedule ends where the whole one does', async () => {
  for (const name of ['ddim', 'ddpm', 'euler'] as const) {
    const scheduler = withSampler(name);
    const samples: Tensor[] = [];
    const options = { noise, onStep: ({ sample }: StepReport) => samples.push(sample) };
    const end = await scheduler.sampler(denoise, start(), scheduler.schedule(10), options);
    const resumed = await scheduler.sampler(denoise, samples[6]!, scheduler.schedule(10, 6), { noise });
    expect(resumed.data).toEqual(end.data);
  }
});

test('noise is drawn as often as diffusers draws it, so that one generator serves the whole picture', async () => {
  const count = async (name: (typeof SAMPLERS)[number], eta = 0) => {
    const draw = vi.fn(noise);
    const scheduler = withSampler(name);
    await scheduler.sampler(denoise, start(), scheduler.schedule(5), { noise: draw, eta });
    return draw.mock.calls.length;
  };
  expect(await count('ddim')).toBe(0);
  expect(await count('ddim', 0.5)).toBe(5);
  // the last timestep is 0: nothing to add
  expect(await count('ddpm')).toBe(4);
  expect(await count('unclip')).toBe(4);
  expect(await count('dpmpp-2m')).toBe(0);
  expect(await count('dpmpp-2m-sde')).toBe(5);
  expect(await count('euler')).toBe(0);
  expect(await count('euler-ancestral')).toBe(5);
  expect(await count('heun')).toBe(0);
});

test('a network with twice the channels: the variance half is dropped where the sampler has no use for it', async () => {
  const scheduler = withSampler('ddim');
  const doubled = async (x: Tensor) => {
    const { data } = await denoise(x);
    return { data: Float32Array.from([...data, ...data.map(() => 9)]), shape: [1, 6, 4, 4] };
  };
  const schedule = scheduler.schedule(3);
  const plain = await scheduler.sampler(denoise, start(), schedule, { noise });
  expect((await scheduler.sampler(doubled, start(), schedule, { noise })).data).toEqual(plain.data);
});

test('a network that predicts another shape is refused', async () => {
  const scheduler = withSampler('ddim');
  const wrong = async () => ({ data: new Float32Array(7), shape: [1, 7] });
  await expect(scheduler.sampler(wrong, start(), scheduler.schedule(1), { noise })).rejects.toThrow(
    'the network predicts (1, 7), expected (1, 3, 4, 4)',
  );
});
