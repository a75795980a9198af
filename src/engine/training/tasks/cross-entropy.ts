import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';

/** Label of a row that has none. */
export const NO_LABEL = -1;

/**
 * −Σ q·log softmax(row), averaged over the rows that have a label; q is 1 at the label, less what is spread over all.
 * @param logits (B, N)
 * @param labels one for each row
 * @param smoothing of q, the share that is spread (Szegedy et al. 2016)
 */
export function crossEntropy(
  tf: TensorFlow,
  logits: tfjs.Tensor,
  labels: readonly number[],
  smoothing = 0,
): tfjs.Scalar {
  const count = logits.shape[1] as number;
  // one-hot, and zeros for NO_LABEL; tf.oneHot refuses a single class
  const column = tf.tensor2d(Int32Array.from(labels), [labels.length, 1], 'int32');
  const right = tf.cast(tf.equal(column, tf.range(0, count, 1, 'int32')), 'float32');
  const targets = tf.add(tf.mul(right, 1 - smoothing), tf.mul(tf.sum(right, -1, true), smoothing / count));
  const logProbabilities = tf.sub(logits, tf.logSumExp(logits, -1, true));
  const labelled = labels.filter((label) => label !== NO_LABEL).length;
  return tf.div(tf.neg(tf.sum(tf.mul(targets, logProbabilities))), Math.max(1, labelled)) as tfjs.Scalar;
}
