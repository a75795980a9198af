import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import type { Dice } from '../dice.ts';
import { type Features, gatherRows } from './features.ts';
import { createNoising, DECODER_SCHEDULER, type NoiseLevels } from './noising.ts';

type T = tfjs.Tensor;

/** Latents to be noised, with their noise. */
export interface NoisedLatents extends NoiseLevels {
  /** (B, h, w, c) each. */
  readonly latents: Float32Array;
  readonly epsilon: Float32Array;
}

/** A U-Net's raw output for latents (B, h, w, c) at timesteps (B, 1): (B, h, w, 2c), of which the first half counts. */
export type Predict = (sample: T, timestep: T) => T;

/** Hang et al. 2023. */
const MIN_SNR = 5;

const noising = createNoising(DECODER_SCHEDULER);

export function noiseLatents(
  { latents: all }: Pick<Features, 'latents'>,
  indices: readonly number[],
  dice: Dice,
): NoisedLatents {
  const latents = gatherRows(all, indices);
  return { latents, epsilon: dice.normal([latents.length]).data, ...noising(indices.length, dice) };
}

/**
 * Squared error of v = √ᾱ·ε − √(1−ᾱ)·x0 (Salimans & Ho 2022), weighed with min(SNR, 5)/(SNR + 1).
 * @param shape of one picture's latents, (h, w, c)
 */
export const vLoss = (...batch: Parameters<typeof predictV>): tfjs.Scalar => predictV(...batch).loss;

/**
 * That loss, and the latents that the prediction comes from: x̂0 = √ᾱ·x_t − √(1−ᾱ)·v̂.
 * @param shape of one picture's latents, (h, w, c)
 */
export function predictV(
  tf: TensorFlow,
  { latents, epsilon, timesteps, signal, noise }: NoisedLatents,
  shape: readonly number[],
  predict: Predict,
): { readonly loss: tfjs.Scalar; readonly x0: T } {
  const rows = timesteps.length;
  const image = (values: Float32Array) => tf.tensor(values, [rows, ...shape]);
  const perRow = (values: Float32Array) => tf.tensor(values, [rows, 1, 1, 1]);
  const [x0, eps, a, s] = [image(latents), image(epsilon), perRow(signal), perRow(noise)];
  const v = tf.sub(tf.mul(a, eps), tf.mul(s, x0));
  const noised = tf.add(tf.mul(a, x0), tf.mul(s, eps));
  const predicted = firstHalf(tf, predict(noised, tf.tensor(timesteps, [rows, 1])));
  const weight = signal.map((a, b) => {
    const snr = (a / noise[b]!) ** 2;
    return Math.min(snr, MIN_SNR) / (snr + 1);
  });
  const loss = tf.mean(tf.mul(perRow(weight), tf.square(tf.sub(predicted, v)))) as tfjs.Scalar;
  return { loss, x0: tf.sub(tf.mul(a, noised), tf.mul(s, predicted)) };
}

/** The prediction, without the variance that would stand behind it. */
export const firstHalf = (tf: TensorFlow, output: T): T => tf.split(output, 2, -1)[0]!;
