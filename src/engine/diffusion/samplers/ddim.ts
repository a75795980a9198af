import type { Tensor } from '../../tensor.ts';
import { combine } from '../combine.ts';
import { predict } from '../prediction.ts';
import { afterStep, type Sampler } from '../sampler.ts';
import type { Step } from '../steps.ts';

/**
 * DDIM, Song et al. 2021, eq. 12: x_s = √ᾱ_s·x0 + √(1−ᾱ_s−σ²)·ε + σ·z.
 * Without randomness (η = 0) it runs both ways: on a schedule towards noise it's DDIM inversion.
 */
export const sampleDdim: Sampler = async (denoise, x, schedule, options) => {
  const { eta = 0, useClippedModelOutput = false } = options;
  const steps = schedule.steps.length;
  for (const [index, step] of schedule.steps.entries()) {
    options.signal?.throwIfAborted();
    const { t, alphaBar, alphaBarNext } = step;
    const modelOutput = await denoise(x, t);
    const prediction = predict(modelOutput, x, alphaBar, schedule.config);
    const { x0 } = prediction;
    const epsilon = useClippedModelOutput && alphaBar < 1 ? noiseLeft(x, x0, alphaBar) : prediction.epsilon;
    const sigma = eta > 0 ? eta * ancestralSigma(step) : 0;
    // From pure noise, with η = 1, what's left of ε is 0, give or take a rounding.
    const direction = Math.sqrt(Math.max(1 - alphaBarNext - sigma ** 2, 0));
    const mean = combine([Math.sqrt(alphaBarNext), x0], [direction, epsilon]);
    const prevSample = eta > 0 ? combine([1, mean], [sigma, options.noise()]) : mean;
    options.onStep?.({ step: index, steps, t, sample: x, modelOutput, prevSample, x0 });
    x = afterStep(prevSample, index, schedule, options);
  }
  return x;
};

/** ε of x = √ᾱ·x0 + √(1−ᾱ)·ε. */
const noiseLeft = (x: Tensor, x0: Tensor, alphaBar: number) =>
  combine([1 / Math.sqrt(1 - alphaBar), x], [-Math.sqrt(alphaBar / (1 - alphaBar)), x0]);

/** Eq. 16 with η = 1: √((1−ᾱ_s)/(1−ᾱ_t))·√(1−ᾱ_t/ᾱ_s). */
const ancestralSigma = ({ alphaBar, alphaBarNext, beta }: Step) =>
  Math.sqrt(((1 - alphaBarNext) / (1 - alphaBar)) * beta);
