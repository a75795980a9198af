import { describe, expect, test } from 'vitest';
import { schedulerFromConfig } from '../../src/engine/diffusion/scheduler.ts';
import { TorchGenerator } from '../../src/engine/random/torch-generator.ts';
import { type Tensor, tensor } from '../../src/engine/tensor.ts';

const shape = [1, 3, 4, 4];
const denoise = async (x: Tensor) => tensor(x.data.map(Math.tanh), shape);
const noise = () => {
  throw new Error('nothing random');
};

const rms = (a: Tensor, b: Tensor) => Math.hypot(...a.data.map((value, i) => value - b.data[i]!)) / Math.sqrt(48);

const schedulerWith = (clip_sample: boolean) =>
  schedulerFromConfig({ _class_name: 'DDIMScheduler', beta_start: 0.00085, beta_end: 0.012, clip_sample }, 'config');

describe.each([false, true])('DDIM inversion, x0 clipped: %s', (clipped) => {
  const scheduler = schedulerWith(clipped);
  const inverse = scheduler.withSampler('ddim-inverse');
  const options = { noise, useClippedModelOutput: true };

  test('finds where DDIM begins, the closer the more steps', async () => {
    const x0 = new TorchGenerator(0).randn(shape);
    const clean = tensor(
      x0.data.map((value) => Math.tanh(value)),
      shape,
    );
    const error = async (steps: number) => {
      const start = await inverse.sampler(denoise, clean, inverse.schedule(steps), options);
      return rms(await scheduler.sampler(denoise, start, scheduler.schedule(steps), options), clean);
    };
    const [few, more, many] = [await error(5), await error(25), await error(125)];
    expect(more).toBeLessThan(few / 2);
    expect(many).toBeLessThan(more / 2);
    expect(many).toBeLessThan(0.02);
  });
});

test('with ε of the clipped x0 DDIM draws what diffusers draws with use_clipped_model_output', async () => {
  const scheduler = schedulerWith(true);
  const x = new TorchGenerator(0).randn(shape);
  const { data } = await scheduler.sampler(denoise, x, scheduler.schedule(5), { noise, useClippedModelOutput: true });
  const expected = [-1, -1, -0.10609609, -0.21906461, 0.83951575, 0.54823244];
  expect(tensor(data.slice(0, 6), [6])).toBeAllClose(tensor(Float32Array.from(expected), [6]), { atol: 1e-5 });
});
