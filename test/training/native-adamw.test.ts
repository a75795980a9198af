import { expect, test } from 'vitest';
import type { TensorFlow } from '../../src/engine/ops/tfjs-ops.ts';
import { ArrayOptimizer } from '../../src/engine/training/optimizer/adamw.ts';
import { openOptimizer } from '../../src/engine/training/optimizer/open-optimizer.ts';
import { initialState, type Optimizer } from '../../src/engine/training/optimizer/optimizer.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import { isSetUp } from '../../src/engine/training/setup/setup.ts';
import { loadTensorFlow } from '../../src/engine/training/tensorflow.ts';

const READY = isSetUp('cpu') || isSetUp('gpu');
const PARAMETERS = Parameters.ofTensors(
  new Map([
    ['kernel', { shape: [2, 1, 1, 2], data: new Float32Array(4) }],
    ['bias', { shape: [2], data: new Float32Array(2) }],
  ]),
);
const OPTIONS = { beta1: 0.9, beta2: 0.98, eps: 1e-3, weightDecay: 0.1, maxNorm: 1, average: 0.5 };
const START = Float32Array.of(1, -2, 0.5, 3, 0.1, -0.2);

async function update(tf: TensorFlow, optimizer: Optimizer, gradients: readonly number[]): Promise<number> {
  const tensors = [tf.tensor4d(gradients.slice(0, 4), [1, 2, 1, 2]), tf.tensor1d(gradients.slice(4))];
  const norm = await optimizer.update(tensors, 0.01);
  tf.dispose(tensors);
  return norm;
}

test.skipIf(!READY)(
  `TensorFlow's own variables move as the arrays do, keep their state, and are let go${READY ? '' : ' (skipped: needs npm run train -- setup)'}`,
  async () => {
    const tf = await loadTensorFlow();
    const before = tf.memory().numTensors;
    const native = openOptimizer(tf, PARAMETERS, initialState(START.slice()), OPTIONS);
    expect(native).not.toBeInstanceOf(ArrayOptimizer);
    const arrays = new ArrayOptimizer(tf, PARAMETERS, initialState(START.slice()), OPTIONS);
    for (let step = 1; step <= 4; step++) {
      const gradients = [0.3, -0.1, 2, 0.05, -0.4, 0.7].map((g) => (g * step) / 3);
      expect(await update(tf, native, gradients)).toBeCloseTo(await update(tf, arrays, gradients), 5);
    }
    const [found, expected] = [native.state(), arrays.state()];
    expect(found.step).toBe(4);
    expect(found.values).toBeAllClose(expected.values, { atol: 1e-6 });
    expect(found.average).toBeAllClose(expected.average, { atol: 1e-6 });
    expect(found.moments.first).toBeAllClose(expected.moments.first, { atol: 1e-6 });
    expect(found.moments.second).toBeAllClose(expected.moments.second, { atol: 1e-6 });

    expect(await update(tf, native, [Number.NaN, 0, 0, 0, 0, 0])).toBeNaN();
    expect(native.state()).toEqual(found);
    native.dispose();
    expect(tf.memory().numTensors).toBe(before);
  },
);
