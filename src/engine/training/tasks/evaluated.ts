import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import type { Tensor } from '../../tensor.ts';

/** What is computed, copied out of TensorFlow; nothing of it stays there. */
export async function evaluated(tf: TensorFlow, compute: () => tfjs.Tensor): Promise<Tensor> {
  const result = tf.tidy(compute);
  const data = (await result.data<'float32'>()).slice();
  result.dispose();
  return { data, shape: result.shape };
}

/** The same of a single number. */
export const evaluatedNumber = async (tf: TensorFlow, compute: () => tfjs.Scalar): Promise<number> =>
  (await evaluated(tf, compute)).data[0]!;
