import type * as tfjs from '@tensorflow/tfjs-core';

// Operations with their gradients written out: TensorFlow.js would chain ten small ones for each, which costs a tenth to a
// sixth of a training step.

type TensorFlow = typeof tfjs;
type T = tfjs.Tensor;

/** x·σ(x); derivative σ + y(1 − σ). */
export const silu = (tf: TensorFlow, x: T): T => sigmoidGated(tf, x, 1);

/** x·σ(1.702x); derivative σ + 1.702·y(1 − σ). */
export const quickGelu = (tf: TensorFlow, x: T): T => sigmoidGated(tf, x, 1.702);

function sigmoidGated(tf: TensorFlow, input: T, slope: number): T {
  return tf.customGrad((x, save) => {
    const gate = tf.sigmoid(slope === 1 ? (x as T) : tf.mul(x as T, slope));
    const y = tf.mul(x as T, gate);
    (save as tfjs.GradSaveFunc)([gate, y]);
    return {
      value: y,
      gradFunc: (dy: T, saved: T[]) => {
        const [gate, y] = saved as [T, T];
        const curved = tf.mul(y, tf.sub(1, gate));
        return tf.mul(dy, tf.add(gate, slope === 1 ? curved : tf.mul(curved, slope)));
      },
    };
  })(input);
}

/**
 * ((x − μ)/√(σ² + eps))·w + b over each group of channels and all positions. Sums run over positions first, where the
 * channels lie side by side, and over the channels of a group after that.
 * @param image (B, H, W, C)
 */
export function groupNorm(tf: TensorFlow, image: T, weight: T, bias: T, groups: number, eps: number): T {
  const [batch, height, width, channels] = image.shape as [number, number, number, number];
  const positions = height * width;
  const size = channels / groups;
  /** Means over groups of what was summed over positions, repeated for each channel: (B, 1, C) → (B, 1, C). */
  const groupMean = (sums: T) => {
    const means = tf.mul(tf.sum(tf.reshape(sums, [batch, groups, size]), 2, true), 1 / (positions * size));
    return tf.reshape(tf.broadcastTo(means, [batch, groups, size]), [batch, 1, channels]);
  };
  const normalize = tf.customGrad((x, w, b, save) => {
    const centred = tf.sub(x as T, groupMean(tf.sum(x as T, 1, true)));
    const inverse = tf.rsqrt(tf.add(groupMean(tf.sum(tf.square(centred), 1, true)), eps));
    (save as tfjs.GradSaveFunc)([centred, inverse, w as T]);
    return {
      value: tf.add(tf.mul(centred, tf.mul(inverse, w as T)), b as T),
      gradFunc: (dy: T, saved: T[]) => {
        const [centred, inverse, w] = saved as [T, T, T];
        const sums = tf.sum(dy, 1, true);
        const products = tf.mul(tf.sum(tf.mul(dy, centred), 1, true), inverse);
        const mean = groupMean(tf.mul(sums, w));
        const slope = tf.mul(groupMean(tf.mul(products, w)), inverse);
        const inner = tf.sub(tf.mul(dy, w), tf.add(mean, tf.mul(centred, slope)));
        return [tf.mul(inner, inverse), tf.sum(products, [0, 1]), tf.sum(sums, [0, 1])];
      },
    };
  });
  return tf.reshape(normalize(tf.reshape(image, [batch, positions, channels]), weight, bias), image.shape);
}

/** ((x − μ)/√(σ² + eps))·w + b over the last axis. */
export function layerNorm(tf: TensorFlow, input: T, weight: T, bias: T, eps: number): T {
  const width = input.shape.at(-1) as number;
  const normalize = tf.customGrad((x, w, b, save) => {
    const centred = tf.sub(x as T, tf.mean(x as T, 1, true));
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), 1, true), eps));
    const normalized = tf.mul(centred, inverse);
    (save as tfjs.GradSaveFunc)([normalized, inverse, w as T]);
    return {
      value: tf.add(tf.mul(normalized, w as T), b as T),
      gradFunc: (dy: T, saved: T[]) => {
        const [normalized, inverse, w] = saved as [T, T, T];
        const dNormalized = tf.mul(dy, w);
        const slope = tf.mean(tf.mul(dNormalized, normalized), 1, true);
        const inner = tf.sub(dNormalized, tf.add(tf.mean(dNormalized, 1, true), tf.mul(normalized, slope)));
        return [tf.mul(inner, inverse), tf.sum(tf.mul(dy, normalized), 0), tf.sum(dy, 0)];
      },
    };
  });
  return tf.reshape(normalize(tf.reshape(input, [-1, width]), weight, bias), input.shape);
}
