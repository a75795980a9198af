import { combine } from '../combine.ts';
import { predict } from '../prediction.ts';
import { afterStep, type Sampler } from '../sampler.ts';
import { sigmaFromAlphaBar } from '../sigmas.ts';

/**
 * Karras et al. 2022, algorithm 1 without its correction: one Euler step of dx/dσ = (x − x0)/σ for each noise level.
 * Works on x0 + σ·ε; the network is shown √ᾱ of it, the sample on the scale it was trained on.
 */
export const sampleEuler: Sampler = async (denoise, x, schedule, options) => {
  const steps = schedule.steps.length;
  for (const [index, { t, alphaBar, alphaBarNext }] of schedule.steps.entries()) {
    options.signal?.throwIfAborted();
    const [sigma, sigmaNext] = [sigmaFromAlphaBar(alphaBar), sigmaFromAlphaBar(alphaBarNext)];
    const scaled = combine([Math.sqrt(alphaBar), x]);
    const modelOutput = await denoise(scaled, t);
    const { x0 } = predict(modelOutput, scaled, alphaBar, schedule.config);
    // x + (σ' − σ)·(x − x0)/σ
    const prevSample = combine([sigmaNext / sigma, x], [1 - sigmaNext / sigma, x0]);
    options.onStep?.({ step: index, steps, t, sample: x, modelOutput, prevSample, x0 });
    x = afterStep(prevSample, index, schedule, options);
  }
  return x;
};

/** Euler steps to less noise than wanted, σ_down, and fresh noise on top: σ_down² + σ_up² = σ'². */
export const sampleEulerAncestral: Sampler = async (denoise, x, schedule, options) => {
  const steps = schedule.steps.length;
  for (const [index, { t, alphaBar, alphaBarNext }] of schedule.steps.entries()) {
    options.signal?.throwIfAborted();
    const [sigma, sigmaNext] = [sigmaFromAlphaBar(alphaBar), sigmaFromAlphaBar(alphaBarNext)];
    const scaled = combine([Math.sqrt(alphaBar), x]);
    const modelOutput = await denoise(scaled, t);
    const { x0 } = predict(modelOutput, scaled, alphaBar, schedule.config);
    const sigmaUp = (sigmaNext * Math.sqrt(sigma ** 2 - sigmaNext ** 2)) / sigma;
    const sigmaDown = sigmaNext ** 2 / sigma;
    const prevSample = combine([sigmaDown / sigma, x], [1 - sigmaDown / sigma, x0], [sigmaUp, options.noise()]);
    options.onStep?.({ step: index, steps, t, sample: x, modelOutput, prevSample, x0 });
    x = afterStep(prevSample, index, schedule, options);
  }
  return x;
};
