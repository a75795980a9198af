import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';

type T = tfjs.Tensor;

/** RGB differences → Cb and Cr differences, ITU-R BT.601. */
const CHROMA = [-0.168736, 0.5, -0.331264, -0.418688, 0.5, -0.081312];
const CHROMA_WEIGHT = 2;
/** Side of the blocks whose averages are compared. */
const BLOCK = 8;
const LATENT_WEIGHT = 0.05;

const meanAbs = (tf: TensorFlow, x: T) => tf.mean(tf.abs(x)) as tfjs.Scalar;

/**
 * How far a picture is from what it should be. Plain L1 learns grey shapes first and colour very late, hence also: L1 on
 * chroma, on averages over 8 × 8 blocks, and on the differences of neighbours.
 * @param predicted, target (B, H, W, 4): RGB and alpha in [−1, 1]
 */
export function pictureLoss(tf: TensorFlow, predicted: T, target: T) {
  const difference = tf.sub(predicted, target);
  const [batch, height, width] = difference.shape as [number, number, number, number];
  const rgb = tf.reshape(tf.slice(difference, [0, 0, 0, 0], [batch, height, width, 3]), [-1, 3]);
  const part = (y: number, x: number, h: number, w: number) => tf.slice(difference, [0, y, x, 0], [batch, h, w, 4]);
  const vertical = tf.sub(part(1, 0, height - 1, width), part(0, 0, height - 1, width));
  const horizontal = tf.sub(part(0, 1, height, width - 1), part(0, 0, height, width - 1));
  return {
    pixels: meanAbs(tf, difference),
    chroma: tf.mul(CHROMA_WEIGHT, meanAbs(tf, tf.matMul(rgb, tf.tensor2d(CHROMA, [3, 2])))) as tfjs.Scalar,
    blocks: meanAbs(tf, tf.avgPool(difference as tfjs.Tensor4D, BLOCK, BLOCK, 'valid')),
    edges: tf.add(meanAbs(tf, vertical), meanAbs(tf, horizontal)) as tfjs.Scalar,
  };
}

/** Small penalty that keeps latents at mean 0 and variance 1 in each channel: the decoder then needs no scaling factor. */
export function latentPenalty(tf: TensorFlow, latents: T): tfjs.Scalar {
  const { mean, variance } = tf.moments(latents, [0, 1, 2]);
  return tf.mul(
    LATENT_WEIGHT,
    tf.add(tf.mean(tf.square(mean)), tf.mean(tf.square(tf.sub(variance, 1)))),
  ) as tfjs.Scalar;
}
