import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../ops/tfjs-ops.ts';
import { inBfloat16, type Precision } from './bfloat16.ts';
import type { Parameters } from './parameters.ts';
import type { Task } from './task.ts';

/** What a step's log says of a batch: the loss, and what it is made of. */
export type Figures = Record<string, number> & { loss: number };

export interface Gradients {
  /** In the order of the parameters; the caller's to dispose. */
  readonly gradients: tfjs.Tensor[];
  readonly figures: Figures;
}

/** Loss and gradients of the batch of a step. @param values of the parameters, in their order */
export async function computeGradients<Batch>(
  tf: TensorFlow,
  task: Task<Batch>,
  parameters: Parameters,
  values: tfjs.Tensor[],
  step: number,
  precision: Precision = 'float32',
): Promise<Gradients> {
  const batch = await task.batch(step);
  let parts: Readonly<Record<string, tfjs.Scalar>> = {};
  const compute = () =>
    tf.tidy(() =>
      tf.valueAndGrads((...tensors: tfjs.Tensor[]) => {
        const loss = task.loss(parameters.weights(tensors), batch);
        parts = Object.fromEntries(Object.entries(loss.parts).map(([name, part]) => [name, tf.keep(part)]));
        return loss.total;
      })(values),
    );
  const { value, grads: gradients } = precision === 'bfloat16' ? inBfloat16(tf, compute) : compute();
  const scalars = { loss: value, ...parts };
  const figures: Figures = { loss: Number.NaN };
  for (const [name, scalar] of Object.entries(scalars)) figures[name] = (await scalar.data())[0]!;
  tf.dispose(scalars);
  return { gradients, figures };
}
