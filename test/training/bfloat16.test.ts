import type * as tfjs from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { inBfloat16 } from '../../src/engine/training/bfloat16.ts';
import { isSetUp } from '../../src/engine/training/setup/setup.ts';
import { loadTensorFlow } from '../../src/engine/training/tensorflow.ts';

/** 1 + 2⁻⁹ is between bfloat16's 1 and 1 + 2⁻⁷, and nearer to 1. */
const BETWEEN = 1 + 2 ** -9;

test.skipIf(!isSetUp('cpu'))('products and their gradients are of rounded numbers, all else of float32', async () => {
  const tf = await loadTensorFlow('cpu');
  const image = tf.fill([1, 4, 4, 2], BETWEEN);
  const kernel = tf.fill([1, 1, 2, 3], 2);
  const matrix = tf.fill([3, 3], BETWEEN);
  const compute = () => {
    const convolved = tf.valueAndGrads(
      (x, w) => tf.sum(tf.conv2d(x as tfjs.Tensor4D, w as tfjs.Tensor4D, 1, 'same')) as tfjs.Scalar,
    )([image, kernel]);
    return {
      product: tf.matMul(matrix, matrix).dataSync()[0]!,
      sum: tf.add(matrix, matrix).dataSync()[0]!,
      convolution: convolved.value.dataSync()[0]!,
      ofImage: convolved.grads[0]!.dataSync()[0]!,
      ofKernel: convolved.grads[1]!.dataSync()[0]!,
      dtype: convolved.grads[1]!.dtype,
    };
  };
  // 48 numbers of 4 each; 16 places for each weight
  const rounded = { product: 3, sum: 2 * BETWEEN, convolution: 192, ofImage: 6, ofKernel: 16, dtype: 'float32' };
  const tensors = tf.memory().numTensors;
  expect(tf.tidy(() => inBfloat16(tf, compute))).toEqual(rounded);
  expect(tf.memory().numTensors).toBe(tensors);
  const exact = tf.tidy(compute);
  expect(exact.product).toBeCloseTo(3 * BETWEEN ** 2, 5);
  expect(exact.convolution).toBeCloseTo(192 * BETWEEN, 4);
  expect(exact.ofKernel).toBeCloseTo(16 * BETWEEN, 5);
});

test.skipIf(!isSetUp('cpu'))('after an error products are exact again', async () => {
  const tf = await loadTensorFlow('cpu');
  const fails = () => {
    throw new Error('no');
  };
  expect(() => inBfloat16(tf, fails)).toThrow('no');
  expect(tf.matMul(tf.tensor2d([[BETWEEN]]), tf.tensor2d([[1]])).dataSync()[0]).toBe(BETWEEN);
});
