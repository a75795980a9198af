import type { SchedulerConfig } from './scheduler-config.ts';

/**
 * ᾱ_t = ∏_{i ≤ t} (1 − β_i), how much of the clean sample's variance is left at training timestep t.
 * Rounded to float32 where diffusers rounds: near the clean end 1 − ᾱ is so small (4e-5 in the cosine schedule) that
 * the rounding shows in its fourth digit, and in the pictures.
 * @returns as many as there are training timesteps, falling
 */
export function alphasCumprod(config: SchedulerConfig): Float32Array {
  let product = 1;
  const alphaBars = Float32Array.from(trainingBetas(config), (beta) => {
    product *= Math.fround(1 - beta);
    return product;
  });
  return config.rescale_betas_zero_snr ? withZeroTerminalSnr(alphaBars) : alphaBars;
}

/** β_t, how much noise training timestep t adds; before rescaling to zero terminal SNR. */
export function trainingBetas(config: SchedulerConfig): Float32Array {
  const { trained_betas, num_train_timesteps, beta_start, beta_end } = config;
  if (trained_betas) return Float32Array.from(trained_betas);
  switch (config.beta_schedule) {
    case 'linear':
      return Float32Array.from(linspace(beta_start, beta_end, num_train_timesteps));
    case 'scaled_linear':
      return Float32Array.from(
        linspace(Math.sqrt(beta_start), Math.sqrt(beta_end), num_train_timesteps),
        (root) => root ** 2,
      );
    case 'squaredcos_cap_v2':
      return cosineBetas(num_train_timesteps);
  }
}

/** Nichol & Dhariwal 2021, eq. 17: ᾱ(t) = cos²((t/T + 0.008)/1.008 · π/2), β at most 0.999. */
function cosineBetas(count: number): Float32Array {
  const alphaBar = (t: number) => Math.cos(((t / count + 0.008) / 1.008) * (Math.PI / 2)) ** 2;
  return Float32Array.from({ length: count }, (_, t) => Math.min(1 - alphaBar(t + 1) / alphaBar(t), 0.999));
}

/** Lin et al. 2023, algorithm 1: √ᾱ shifted so that it ends at 0 and stretched so that it begins where it did. */
function withZeroTerminalSnr(alphaBars: Float32Array): Float32Array {
  const first = Math.sqrt(alphaBars[0]!);
  const last = Math.sqrt(alphaBars.at(-1)!);
  return alphaBars.map((alphaBar) => (((Math.sqrt(alphaBar) - last) * first) / (first - last)) ** 2);
}

/** `count` numbers from `start` to `end`, both included; multiples of one rounded step, as numpy's. */
export function linspace(start: number, end: number, count: number): number[] {
  const step = (end - start) / Math.max(count - 1, 1);
  return Array.from({ length: count }, (_, i) => (count > 1 && i === count - 1 ? end : i * step + start));
}
