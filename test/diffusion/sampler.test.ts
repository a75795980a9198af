import { describe, expect, test, vi } from 'vitest';
import type { StepReport } from '../../src/engine/diffusion/sampler.ts';
import { addNoise, firstStep } from '../../src/engine/diffusion/schedule.ts';
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

describe.each(SAMPLERS)('%s with part of the picture given', (name) => {
  const scheduler = withSampler(name);
  const picture = { data: new TorchGenerator(5).rand(shape).data, shape };
  /** Knows that the clean sample is `picture`: what it predicts is the noise that was added. */
  const knowing = async (x: Tensor, t: number) => {
    const alphaBar = alphaBars.get(t)!;
    const [signal, noise] = [Math.sqrt(alphaBar), Math.sqrt(1 - alphaBar)];
    return { data: x.data.map((value, i) => (value - signal * picture.data[i]!) / noise), shape };
  };
  const schedule = scheduler.schedule(8, firstStep(8, 0.5));
  const alphaBars = new Map(schedule.steps.map(({ t, alphaBar }) => [t, alphaBar]));
  const noised = addNoise(schedule, picture, start(), schedule.steps[0]!.alphaBar);

  test('a noised picture is one that the sampler finds back from', async () => {
    const end = await scheduler.sampler(knowing, noised, schedule, { noise });
    expect(end).toBeAllClose(picture, { atol: 0.1 });
  });

  test('what is put back after each step has the noise of the next one, and none at the end', async () => {
    const fixed = start();
    const levels: number[] = [];
    const reports: StepReport[] = [];
    const end = await scheduler.sampler(knowing, noised, schedule, {
      noise,
      onStep: (report) => reports.push(report),
      afterStep(_, alphaBar) {
        levels.push(alphaBar);
        return addNoise(schedule, picture, fixed, alphaBar);
      },
    });
    expect(levels).toEqual([...schedule.steps.slice(1).map(({ alphaBar }) => alphaBar), 1]);
    expect(end).toBeAllClose(picture, { atol: 1e-6 });
    const starts = reports.filter(({ step }) => name !== 'heun' || step % 2 === 0).map(({ sample }) => sample);
    for (const [i, { alphaBar }] of schedule.steps.entries()) {
      expect(starts[i]!).toBeAllClose(addNoise(schedule, picture, fixed, alphaBar), { atol: 1e-5 });
    }
  });
});

test('strength is the part of the steps that is taken', () => {
  expect(firstStep(10, 1)).toBe(0);
  expect(firstStep(10, 0.4)).toBe(6);
  expect(firstStep(10, 0.49)).toBe(6);
  expect(() => firstStep(10, 0.09)).toThrow('strength 0.09 leaves none of 10 steps: expected at least 0.1');
  expect(() => firstStep(10, 1.1)).toThrow('strength must be a number from 0 to 1, not 1.1');
  expect(() => firstStep(10, Number.NaN)).toThrow('not NaN');
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
