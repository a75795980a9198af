import { linspace } from './alphas-cumprod.ts';

/**
 * Noise in proportion to the signal, σ = √((1 − ᾱ)/ᾱ), and the training timesteps that it belongs to.
 * Karras et al. 2022 call x/√ᾱ = x0 + σ·ε what the others call x.
 */
export const sigmaFromAlphaBar = (alphaBar: number) => Math.sqrt((1 - alphaBar) / alphaBar);
export const alphaBarFromSigma = (sigma: number) => 1 / (1 + sigma ** 2);

/** σ of each training timestep, rising. Where ᾱ ends at 0 the smallest float16 stands for it, as σ would be infinite. */
export const trainingSigmas = (alphaBars: Float32Array): Float32Array =>
  alphaBars.map((alphaBar) => sigmaFromAlphaBar(alphaBar === 0 ? 2 ** -24 : alphaBar));

/** σ at a timestep that may lie between two of training: linear in between. */
export function sigmaAt(sigmas: Float32Array, t: number): number {
  const below = Math.min(Math.floor(t), sigmas.length - 1);
  const above = Math.min(below + 1, sigmas.length - 1);
  return sigmas[below]! + (t - below) * (sigmas[above]! - sigmas[below]!);
}

/** The timestep, with fraction, at which the noise is σ: linear in ln σ (in float32), held at both ends. */
export function timestepAt(sigmas: Float32Array, sigma: number): number {
  const logSigmas = sigmas.map(Math.log);
  const logSigma = Math.log(sigma);
  const found = logSigmas.findLastIndex((trained) => trained <= logSigma);
  const below = Math.min(Math.max(found, 0), sigmas.length - 2);
  const fraction = (logSigma - logSigmas[below]!) / (logSigmas[below + 1]! - logSigmas[below]!);
  return below + Math.min(Math.max(fraction, 0), 1);
}

/** Karras et al. 2022, eq. 5 with ρ = 7: even steps in σ^(1/ρ). */
export function karrasSigmas(max: number, min: number, count: number): number[] {
  const rho = 7;
  return linspace(max ** (1 / rho), min ** (1 / rho), count).map((root) => root ** rho);
}

/** Even steps in ln σ. */
export const exponentialSigmas = (max: number, min: number, count: number): number[] =>
  linspace(Math.log(max), Math.log(min), count).map(Math.exp);
