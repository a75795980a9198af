import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { TfjsOps } from '../../src/engine/ops/tfjs-ops.ts';
import { TorchGenerator } from '../../src/engine/random/torch-generator.ts';

// TensorFlow.js on its own JavaScript backend: slow, exact enough, and there on every machine.
const ops = new TfjsOps(tf);
const draw = (seed: number, shape: number[]) => tf.tensor(new TorchGenerator(seed).randn(shape).data, shape);

/** Gradients of Σ w·f(x…) for a fixed w, by automatic differentiation and by central differences. */
function gradients(f: (...x: tf.Tensor[]) => tf.Tensor, inputs: tf.Tensor[]) {
  const weights = draw(99, f(...inputs).shape);
  const scalar = (...x: tf.Tensor[]) => tf.sum(tf.mul(f(...x), weights)) as tf.Scalar;
  const found = tf
    .grads(scalar)(inputs)
    .map((gradient) => gradient.dataSync());
  const step = 1e-2;
  const expected = inputs.map((input, k) => {
    const values = input.dataSync().slice();
    return values.map((value, i) => {
      const at = (x: number) => {
        const moved = inputs.with(k, tf.tensor(values.with(i, x), input.shape));
        return scalar(...moved).dataSync()[0]!;
      };
      return (at(value + step) - at(value - step)) / (2 * step);
    });
  });
  return { found, expected };
}

function expectGradients(f: (...x: tf.Tensor[]) => tf.Tensor, ...inputs: tf.Tensor[]) {
  const { found, expected } = gradients(f, inputs);
  for (const [i, gradient] of found.entries()) expect(gradient).toBeAllClose(expected[i]!, { atol: 2e-3, rtol: 1e-2 });
}

describe('gradients agree with central differences', () => {
  const image = draw(1, [2, 4, 4, 6]);
  const tokens = draw(2, [2, 3, 8]);

  test('group norm', () => {
    expectGradients((x, w, b) => ops.groupNorm(x, w, b, { groups: 3, eps: 1e-5 }), image, draw(3, [6]), draw(4, [6]));
  });
  test('layer norm', () => {
    expectGradients((x, w, b) => ops.layerNorm(x, w, b, { eps: 1e-5 }), tokens, draw(3, [8]), draw(4, [8]));
  });
  test.each(['silu', 'gelu', 'gelu_tanh', 'quick_gelu', 'mish', 'tanh', 'sigmoid'] as const)('%s', (kind) => {
    expectGradients((x) => ops.activation(x, kind), tokens);
  });
  test('nearest-neighbour upsampling of a batch', () => {
    expectGradients((x) => ops.upsampleNearest2x(x), image);
  });
  test.each([
    { stride: 1, padding: 1 },
    { stride: 2, padding: 1 },
    { stride: 2, padding: [0, 0, 1, 1] },
  ] as const)('convolution with $stride, $padding', (options) => {
    expectGradients(
      (x, w, b) => ops.conv2d(x, w, b, options),
      draw(1, [1, 4, 4, 2]),
      draw(5, [3, 3, 2, 3]),
      draw(6, [3]),
    );
  });
  test('attention, causal', () => {
    expectGradients(
      (q, k, v) => ops.attention(q, k, v, { heads: 2, causal: true }),
      tokens,
      draw(7, [2, 3, 8]),
      draw(8, [2, 3, 8]),
    );
  });
  test('one token of each row', () => {
    expectGradients((x) => ops.gatherToken(x, tf.tensor1d([2, 0], 'int32')), tokens);
  });
  test('rows of a table', () => {
    expectGradients((table) => ops.embedding(tf.tensor2d([[1, 0, 1]], [1, 3], 'int32'), table), draw(9, [3, 4]));
  });
});
