import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import type { Tensor } from '../../tensor.ts';

/** What is computed, copied out of TensorFlow; nothing of it stays there. */
export async function evaluatedAll(tf: TensorFlow, compute: () => tfjs.Tensor[]): Promise<Tensor[]> {
  const results = tf.tidy(compute);
  const copies: Tensor[] = [];
  for (const result of results) copies.push({ data: (await result.data<'float32'>()).slice(), shape: result.shape });
  tf.dispose(results);
  return copies;
}

/** The same of a single tensor. */
export const evaluated = async (tf: TensorFlow, compute: () => tfjs.Tensor): Promise<Tensor> =>
  (await evaluatedAll(tf, () => [compute()]))[0]!;

/** The same of a single number. */
export const evaluatedNumber = async (tf: TensorFlow, compute: () => tfjs.Scalar): Promise<number> =>
  (await evaluated(tf, compute)).data[0]!;
