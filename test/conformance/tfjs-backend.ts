import '@tensorflow/tfjs-backend-cpu';
import * as javascript from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import { type TensorFlow, TfjsOps } from '../../src/engine/ops/tfjs-ops.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import { isSetUp } from '../../src/engine/training/setup/setup.ts';
import { NoAdapterError } from '../../src/engine/training/setup/webgpu.ts';
import { loadTensorFlow } from '../../src/engine/training/tensorflow.ts';
import type { Case, Input } from './cases.ts';

javascript.enableProdMode(); // without its advice to install another backend

export interface Backend {
  readonly tf: TensorFlow;
  /** To be called before it computes: all that are loaded share one engine, which computes on one of them at a time. */
  readonly select: () => Promise<void>;
  /** Why it is not there. */
  readonly skipped?: string;
}

const backend = (tf: TensorFlow, name = tf.getBackend()): Backend => ({
  tf,
  select: async () => void (await tf.setBackend(name)),
});

const missing = (skipped: string): Backend => ({ tf: javascript, select: async () => {}, skipped });

async function webGpu(): Promise<Backend> {
  if (!isSetUp('webgpu')) return missing('needs npm run train -- setup --device webgpu');
  try {
    return backend(await loadTensorFlow('webgpu'), 'webgpu');
  } catch (error) {
    if (error instanceof NoAdapterError) return missing(error.message);
    throw error;
  }
}

const NATIVE = (['gpu', 'cpu'] as const).find(isSetUp);

/** TensorFlow.js on its own JavaScript backend, which is there on every machine, and on others where they have been set up. */
export const TENSORFLOWS: Readonly<Record<string, Backend>> = {
  'TensorFlow.js': backend(javascript, 'cpu'),
  TensorFlow: NATIVE ? backend(await loadTensorFlow(NATIVE), 'tensorflow') : missing('needs npm run train -- setup'),
  WebGPU: await webGpu(),
};

/** Of its tests, with the reason where they are skipped. */
export const titleOf = (name: string, { skipped }: Backend): string =>
  skipped ? `${name} (skipped: ${skipped})` : name;

type T = javascript.Tensor;

const logicalTensor = (tf: TensorFlow, { layout, value: { data, shape } }: Input): T =>
  tf.tensor(data, [...shape], layout === 'ids' ? 'int32' : 'float32');

/** From its logical shape to how it lies in this backend. */
function layOut(ops: TfjsOps, { layout }: Input, x: T): T {
  if (layout === 'image') return ops.image(x);
  return layout === 'parameter' ? ops.weight(x) : x;
}

const outputTensor = (ops: TfjsOps, x: T, { output }: Case) =>
  x.rank === 4 && output !== 'scores' ? ops.fromImage(x) : x;

export const read = async (x: T): Promise<Tensor> => ({ data: await x.data<'float32'>(), shape: x.shape });

export const tfjs =
  (tf: TensorFlow) =>
  async (conformanceCase: Case): Promise<Tensor[]> => {
    const ops = new TfjsOps(tf);
    const inputs = conformanceCase.inputs.map((input) => layOut(ops, input, logicalTensor(tf, input)));
    const outputs = conformanceCase.compute(ops, inputs);
    return Promise.all(outputs.map((output) => read(outputTensor(ops, output, conformanceCase))));
  };

/**
 * Gradients of Σ wᵢ·outputᵢ for given weights, one for each input that has any; undefined for whole numbers.
 * @param weights of the shapes of the outputs
 */
export async function tfjsGradients(
  tf: TensorFlow,
  conformanceCase: Case,
  weights: readonly Tensor[],
): Promise<(Tensor | undefined)[]> {
  const ops = new TfjsOps(tf);
  const { inputs, compute } = conformanceCase;
  const real = inputs.filter(({ layout }) => layout !== 'ids');
  const scalar = (...values: T[]) => {
    const left = [...values];
    const all = inputs.map((input) =>
      layOut(ops, input, input.layout === 'ids' ? logicalTensor(tf, input) : left.shift()!),
    );
    const terms = compute(ops, all).map((output, i) =>
      tf.sum(tf.mul(outputTensor(ops, output, conformanceCase), tf.tensor(weights[i]!.data, [...weights[i]!.shape]))),
    );
    // inputs that only lend their shape have a gradient too: zero
    const unused = values.map((value) => tf.mul(tf.sum(value), 0));
    return tf.addN([...terms, ...unused]) as javascript.Scalar;
  };
  const found = tf.grads(scalar)(real.map((input) => logicalTensor(tf, input)));
  return Promise.all(inputs.map(async ({ layout }) => (layout === 'ids' ? undefined : read(found.shift()!))));
}
