import type { Parameter } from './parameters.ts';

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
}

/** Moments of the gradients, one for each value. */
export interface Moments {
  readonly first: Float32Array;
  readonly second: Float32Array;
}

/** √Σg²; NaN or ∞ when any gradient is. */
export function gradientNorm(gradients: readonly Float32Array[]): number {
  let sum = 0;
  for (const gradient of gradients) for (let i = 0; i < gradient.length; i++) sum += gradient[i]! * gradient[i]!;
  return Math.sqrt(sum);
}

/**
 * Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2), in place, one pass over all values:
 * θ ← θ − η·(m̂/(√v̂ + ε) + λθ). Vectors (biases, norms) don't decay.
 * @param gradients in the order of the parameters
 * @param scale     by which they are multiplied first: smaller than 1 to clip them
 * @param step      counted from 1
 */
export function adamW(
  values: Float32Array,
  gradients: readonly Float32Array[],
  scale: number,
  { first, second }: Moments,
  parameters: readonly Parameter[],
  step: number,
  learningRate: number,
  { beta1, beta2, eps, weightDecay }: AdamWOptions,
): void {
  const rate = learningRate / (1 - beta1 ** step);
  const correction = 1 / Math.sqrt(1 - beta2 ** step);
  for (const [p, { offset, size, shape }] of parameters.entries()) {
    const gradient = gradients[p]!;
    const keep = shape.length > 1 ? 1 - learningRate * weightDecay : 1;
    for (let i = 0, j = offset; i < size; i++, j++) {
      const g = gradient[i]! * scale;
      const m = beta1 * first[j]! + (1 - beta1) * g;
      const v = beta2 * second[j]! + (1 - beta2) * g * g;
      first[j] = m;
      second[j] = v;
      values[j] = values[j]! * keep - (rate * m) / (Math.sqrt(v) * correction + eps);
    }
  }
}

/** Exponential moving average, in place: a ← d·a + (1 − d)·θ; d grows from 0.1 so that the first steps don't linger. */
export function updateAverage(average: Float32Array, values: Float32Array, step: number, decay: number): void {
  const d = Math.min(decay, (1 + step) / (10 + step));
  for (let i = 0; i < average.length; i++) average[i] = d * average[i]! + (1 - d) * values[i]!;
}

/** Linear warm-up, then half a cosine down to `floor` of the peak at step `horizon`, and so on from there. */
export function learningRateAt(
  step: number,
  c: { peak: number; warmup: number; horizon: number; floor: number },
): number {
  const progress = Math.min(1, step / c.horizon);
  const cosine = c.floor + (1 - c.floor) * 0.5 * (1 + Math.cos(Math.PI * progress));
  return c.peak * Math.min(1, step / c.warmup) * cosine;
}
