import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import type { Tensor } from '../../tensor.ts';

/** What is computed, copied out of TensorFlow; nothing of it stays there. */
export function evaluated(tf: TensorFlow, compute: () => tfjs.Tensor): Tensor {
  const result = tf.tidy(compute);
  const data = (result.dataSync() as Float32Array).slice();
  result.dispose();
  return { data, shape: result.shape };
}

/** The same of a single number. */
export const evaluatedNumber = (tf: TensorFlow, compute: () => tfjs.Scalar): number => evaluated(tf, compute).data[0]!;
