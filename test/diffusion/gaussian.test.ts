import { describe, expect, test } from 'vitest';
import type { Denoiser } from '../../src/engine/diffusion/sampler.ts';
import type { Schedule } from '../../src/engine/diffusion/schedule.ts';
import { schedulerFromConfig } from '../../src/engine/diffusion/scheduler.ts';
import { TorchGenerator } from '../../src/engine/random/torch-generator.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import { SAMPLERS } from '../../src/recipe.ts';

/**
 * For data ~ N(m, s²) the best prediction is known: E[x0 | x] = m + s²√ᾱ/(ᾱs² + 1 − ᾱ)·(x − √ᾱ·m).
 * A sampler that is right draws from N(m, s²) with it.
 */
const [MEAN, DEVIATION] = [0.7, 0.3];

const config = {
  _class_name: 'DDIMScheduler',
  beta_start: 0.00085,
  beta_end: 0.012,
  clip_sample: false,
  timestep_spacing: 'trailing',
};

function gaussianDenoiser(schedule: Schedule, predictionType: string): Denoiser {
  const alphaBarAt = new Map(schedule.steps.map(({ t, alphaBar }) => [t, alphaBar]));
  return async (x, t) => {
    const alphaBar = alphaBarAt.get(t)!;
    const [signal, noise] = [Math.sqrt(alphaBar), Math.sqrt(1 - alphaBar)];
    const gain = (DEVIATION ** 2 * signal) / (alphaBar * DEVIATION ** 2 + 1 - alphaBar);
    const predict = (value: number) => {
      const x0 = MEAN + gain * (value - signal * MEAN);
      const epsilon = (value - signal * x0) / noise;
      return { sample: x0, epsilon, v_prediction: signal * epsilon - noise * x0 }[predictionType]!;
    };
    return { data: x.data.map(predict), shape: x.shape };
  };
}

function statistics({ data }: Tensor) {
  const mean = data.reduce((a, b) => a + b, 0) / data.length;
  const deviation = Math.sqrt(data.reduce((a, b) => a + (b - mean) ** 2, 0) / data.length);
  return { mean, deviation };
}

async function draw(name: (typeof SAMPLERS)[number], predictionType: string, eta: number) {
  const scheduler = schedulerFromConfig({ ...config, prediction_type: predictionType }, 'config').withSampler(name);
  const schedule = scheduler.schedule(250);
  const generator = new TorchGenerator(1);
  const shape = [1, 1, 60, 60];
  const start = generator.randn(shape);
  for (let i = 0; i < start.data.length; i++) start.data[i]! *= schedule.initNoiseSigma;
  const noise = () => generator.randn(shape);
  return scheduler.sampler(gaussianDenoiser(schedule, predictionType), start, schedule, { noise, eta });
}

describe('samplers draw from the distribution that the network was trained on', () => {
  test.each(SAMPLERS.flatMap((name) => ['epsilon', 'sample', 'v_prediction'].map((type) => [name, type] as const)))(
    '%s, network predicts %s',
    async (name, predictionType) => {
      const { mean, deviation } = statistics(await draw(name, predictionType, 0));
      expect(Math.abs(mean - MEAN)).toBeLessThan(0.025);
      expect(Math.abs(deviation - DEVIATION)).toBeLessThan(0.025);
    },
  );

  test('ddim with η = 1', async () => {
    const { mean, deviation } = statistics(await draw('ddim', 'epsilon', 1));
    expect(Math.abs(mean - MEAN)).toBeLessThan(0.025);
    expect(Math.abs(deviation - DEVIATION)).toBeLessThan(0.025);
  });
});

test('DDIM inversion leads to the noise that DDIM draws the same picture from', async () => {
  const forward = schedulerFromConfig({ ...config, set_alpha_to_one: false }, 'config');
  const inverse = schedulerFromConfig({ ...config, set_alpha_to_one: false, _class_name: 'DDIMInverseScheduler' }, '');
  const picture = new TorchGenerator(5).randn([1, 1, 8, 8]);
  const schedule = forward.schedule(200);
  const options = {
    noise: () => {
      throw new Error('drew noise');
    },
  };
  const denoise = gaussianDenoiser(schedule, 'epsilon');
  const noise = await inverse.sampler(denoise, picture, inverse.schedule(200), options);
  expect(noise).not.toBeAllClose(picture, { atol: 0.5 });
  expect(await forward.sampler(denoise, noise, schedule, options)).toBeAllClose(picture, { atol: 0.1 });
});
