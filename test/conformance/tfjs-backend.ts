import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import { TfjsOps } from '../../src/engine/ops/tfjs-ops.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import type { Case, Input } from './cases.ts';

// TensorFlow.js on its own JavaScript backend: slow, exact enough, and there on every machine.
tf.enableProdMode(); // without its advice to install another backend
const ops = new TfjsOps(tf);

const logicalTensor = ({ layout, value: { data, shape } }: Input) =>
  tf.tensor(data, [...shape], layout === 'ids' ? 'int32' : 'float32');

/** From its logical shape to how it lies in this backend. */
function layOut({ layout }: Input, x: tf.Tensor): tf.Tensor {
  if (layout === 'image') return ops.image(x);
  return layout === 'parameter' ? ops.weight(x) : x;
}

const outputTensor = (x: tf.Tensor, { output }: Case) => (x.rank === 4 && output !== 'scores' ? ops.fromImage(x) : x);

export async function tfjs(conformanceCase: Case): Promise<Tensor[]> {
  const outputs = conformanceCase.compute(
    ops,
    conformanceCase.inputs.map((input) => layOut(input, logicalTensor(input))),
  );
  return outputs.map((output) => {
    const logical = outputTensor(output, conformanceCase);
    return { data: logical.dataSync() as Float32Array, shape: logical.shape };
  });
}

/**
 * Gradients of Σ wᵢ·outputᵢ for given weights, one for each input that has any; undefined for whole numbers.
 * @param weights of the shapes of the outputs
 */
export function tfjsGradients(conformanceCase: Case, weights: readonly Tensor[]): (Tensor | undefined)[] {
  const { inputs, compute } = conformanceCase;
  const real = inputs.filter(({ layout }) => layout !== 'ids');
  const scalar = (...values: tf.Tensor[]) => {
    const left = [...values];
    const all = inputs.map((input) => layOut(input, input.layout === 'ids' ? logicalTensor(input) : left.shift()!));
    const terms = compute(ops, all).map((output, i) =>
      tf.sum(tf.mul(outputTensor(output, conformanceCase), tf.tensor(weights[i]!.data, [...weights[i]!.shape]))),
    );
    // inputs that only lend their shape have a gradient too: zero
    const unused = values.map((value) => tf.mul(tf.sum(value), 0));
    return tf.addN([...terms, ...unused]) as tf.Scalar;
  };
  const found = tf.grads(scalar)(real.map(logicalTensor));
  return inputs.map((input) => {
    if (input.layout === 'ids') return undefined;
    const gradient = found.shift()!;
    return { data: gradient.dataSync() as Float32Array, shape: gradient.shape };
  });
}
