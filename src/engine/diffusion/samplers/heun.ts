import { combine } from '../combine.ts';
import { predict } from '../prediction.ts';
import { afterStep, type Sampler } from '../sampler.ts';
import { sigmaFromAlphaBar } from '../sigmas.ts';

/**
 * Heun's method, Karras et al. 2022, algorithm 1: an Euler step, then again with the mean of the slopes at both ends.
 * Two evaluations a step, except the last, which ends without noise. Works on x0 + σ·ε as `sampleEuler` does.
 */
export const sampleHeun: Sampler = async (denoise, x, schedule, options) => {
  const steps = 2 * schedule.steps.length - 1;
  const evaluate = async (at: typeof x, t: number, alphaBar: number) => {
    options.signal?.throwIfAborted();
    const scaled = combine([Math.sqrt(alphaBar), at]);
    const modelOutput = await denoise(scaled, t);
    const { x0 } = predict(modelOutput, scaled, alphaBar, schedule.config);
    const sigma = sigmaFromAlphaBar(alphaBar);
    return { modelOutput, x0, slope: combine([1 / sigma, at], [-1 / sigma, x0]) };
  };

  for (const [index, { t, alphaBar, alphaBarNext }] of schedule.steps.entries()) {
    const distance = sigmaFromAlphaBar(alphaBarNext) - sigmaFromAlphaBar(alphaBar);
    const { slope, ...first } = await evaluate(x, t, alphaBar);
    const guess = combine([1, x], [distance, slope]);
    options.onStep?.({ step: 2 * index, steps, t, sample: x, prevSample: guess, ...first });

    const next = schedule.steps[index + 1];
    if (!next) return afterStep(guess, index, schedule, options);
    const { slope: slopeNext, ...second } = await evaluate(guess, next.t, alphaBarNext);
    const prevSample = combine([1, x], [distance / 2, slope], [distance / 2, slopeNext]);
    options.onStep?.({ step: 2 * index + 1, steps, t: next.t, sample: guess, prevSample, ...second });
    x = afterStep(prevSample, index, schedule, options);
  }
  return x;
};
