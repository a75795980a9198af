import { InputError } from '../../../errors.ts';
import type { Tensor } from '../../tensor.ts';
import { combine } from '../combine.ts';
import { predict } from '../prediction.ts';
import { afterStep, type Sampler } from '../sampler.ts';
import type { SchedulerConfig } from '../scheduler-config.ts';
import type { Step } from '../steps.ts';

/**
 * DDPM, Ho et al. 2020, eq. 6–7: x_s ~ N(μ, σ²), μ = √ᾱ_s·β/(1−ᾱ_t)·x0 + √(1−β)·(1−ᾱ_s)/(1−ᾱ_t)·x_t,
 * with β = 1 − ᾱ_t/ᾱ_s however far t is from s. UnCLIP's sampler is this one on timesteps from T−1 to 0.
 */
export const sampleDdpm: Sampler = async (denoise, x, schedule, options) => {
  const steps = schedule.steps.length;
  for (const [index, step] of schedule.steps.entries()) {
    options.signal?.throwIfAborted();
    const { t, alphaBar, alphaBarNext, beta } = step;
    const modelOutput = await denoise(x, t);
    const { x0, variance } = predict(modelOutput, x, alphaBar, schedule.config);
    const mean = combine(
      [(Math.sqrt(alphaBarNext) * beta) / (1 - alphaBar), x0],
      [(Math.sqrt(1 - beta) * (1 - alphaBarNext)) / (1 - alphaBar), x],
    );
    const sigma = standardDeviation(step, variance, schedule.config.variance_type);
    const prevSample = t > 0 ? combine([1, mean], [sigma, options.noise()]) : mean;
    options.onStep?.({ step: index, steps, t, sample: x, modelOutput, prevSample, x0 });
    x = afterStep(prevSample, index, schedule, options);
  }
  return x;
};

/**
 * σ between β̃ = (1−ᾱ_s)/(1−ᾱ_t)·β, the variance if the picture were known, and β.
 * Learned, Nichol & Dhariwal 2021, eq. 15: ln σ² = f·ln β + (1−f)·ln β̃ with f = (v + 1)/2 of each element.
 */
function standardDeviation(
  { alphaBar, alphaBarNext, beta }: Step,
  variance: Tensor | undefined,
  type: SchedulerConfig['variance_type'],
): number | Float64Array {
  // At the last step it's 0, whose logarithm a learned variance could not be mixed with.
  const small = Math.max(((1 - alphaBarNext) / (1 - alphaBar)) * beta, 1e-20);
  if (type === 'fixed_large') return Math.sqrt(beta);
  if (type !== 'learned_range') return Math.sqrt(small);
  if (!variance)
    throw new InputError('variance_type learned_range: the network predicts no variance beside its sample');
  return Float64Array.from(variance.data, (v) => {
    const f = (v + 1) / 2;
    return Math.exp((f * Math.log(beta) + (1 - f) * Math.log(small)) / 2);
  });
}
