import { InputError } from '../../errors.ts';
import type { Tensor } from '../tensor.ts';
import { combine } from './combine.ts';
import type { SchedulerConfig } from './scheduler-config.ts';

/** What the network's output says about x = √ᾱ·x0 + √(1 − ᾱ)·ε. */
export interface Prediction {
  /** The clean sample, clipped or thresholded as the config says. */
  readonly x0: Tensor;
  /** The noise, as predicted before x0 was clipped. */
  readonly epsilon: Tensor;
  /** The second half of the channels, where the network has twice those of x: −1 … 1 between two variances. */
  readonly variance: Tensor | undefined;
}

/** Reads the network's output, which is ε, x0 or v = √ᾱ·ε − √(1 − ᾱ)·x0 (Salimans & Ho 2022). */
export function predict(modelOutput: Tensor, x: Tensor, alphaBar: number, config: SchedulerConfig): Prediction {
  const [output, variance] = splitVariance(modelOutput, x);
  const [signal, noise] = [Math.sqrt(alphaBar), Math.sqrt(1 - alphaBar)];
  switch (config.prediction_type) {
    case 'epsilon':
      return { x0: limit(combine([1 / signal, x], [-noise / signal, output]), config), epsilon: output, variance };
    case 'sample':
      return { x0: limit(output, config), epsilon: combine([1 / noise, x], [-signal / noise, output]), variance };
    case 'v_prediction':
      return {
        x0: limit(combine([signal, x], [-noise, output]), config),
        epsilon: combine([signal, output], [noise, x]),
        variance,
      };
  }
}

/** (B, 2C, …) → two of x's shape (B, C, …); (B, C, …) stays as it is. */
function splitVariance(output: Tensor, x: Tensor): [Tensor, Tensor | undefined] {
  if (output.data.length === x.data.length) return [output, undefined];
  if (output.data.length !== 2 * x.data.length) {
    throw new InputError(
      `the network predicts (${output.shape.join(', ')}), expected (${x.shape.join(', ')}) or twice its channels`,
    );
  }
  const half = x.data.length / x.shape[0]!;
  const halves = [0, half].map((from) => {
    const data = new Float32Array(x.data.length);
    for (let row = 0; row < x.shape[0]!; row++) {
      const start = 2 * half * row + from;
      data.set(output.data.subarray(start, start + half), row * half);
    }
    return { data, shape: x.shape };
  });
  return halves as [Tensor, Tensor];
}

function limit(x0: Tensor, config: SchedulerConfig): Tensor {
  if (config.thresholding) return threshold(x0, config.dynamic_thresholding_ratio, config.sample_max_value);
  if (!config.clip_sample) return x0;
  return { data: x0.data.map((value) => clamp(value, config.clip_sample_range)), shape: x0.shape };
}

const clamp = (value: number, range: number) => Math.min(Math.max(value, -range), range);

/**
 * Dynamic thresholding, Saharia et al. 2022, §2.3: each row is clipped to ±s and divided by s, where s is the
 * given quantile of its absolute values, from 1 to `max`.
 */
function threshold(x0: Tensor, quantile: number, max: number): Tensor {
  const rowLength = x0.data.length / x0.shape[0]!;
  const data = new Float32Array(x0.data.length);
  for (let start = 0; start < data.length; start += rowLength) {
    const row = x0.data.subarray(start, start + rowLength);
    const s = Math.min(Math.max(quantileOf(row.map(Math.abs).sort(), quantile), 1), max);
    data.set(
      row.map((value) => clamp(value, s) / s),
      start,
    );
  }
  return { data, shape: x0.shape };
}

/** Linear between the two nearest of the sorted values. */
function quantileOf(sorted: Float32Array, quantile: number): number {
  const position = quantile * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (position - below) * (sorted[above]! - sorted[below]!);
}
