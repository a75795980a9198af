import { expect, test } from 'vitest';
import { crossEntropy, NO_LABEL } from '../../src/engine/training/tasks/cross-entropy.ts';
import { tensorflow as tf } from './tensorflow-js.ts';

const logits = tf.tensor2d([
  [Math.log(0.7), Math.log(0.2), Math.log(0.1)],
  [Math.log(0.5), Math.log(0.25), Math.log(0.25)],
]);

test('cross-entropy: the mean over the rows that have a label', () => {
  const value = (...labels: number[]) => crossEntropy(tf, logits, labels).dataSync()[0]!;
  expect(value(1, 0)).toBeCloseTo(-(Math.log(0.2) + Math.log(0.5)) / 2, 5);
  expect(value(1, NO_LABEL)).toBeCloseTo(-Math.log(0.2), 5);
  expect(value(NO_LABEL, NO_LABEL)).toBeCloseTo(0, 8);
});

test('cross-entropy: smoothing spreads a share of each target over all', () => {
  const spread = -(Math.log(0.7) + Math.log(0.2) + Math.log(0.1)) / 3;
  const smoothed = crossEntropy(tf, logits, [0, NO_LABEL], 0.1).dataSync()[0]!;
  expect(smoothed).toBeCloseTo(0.9 * -Math.log(0.7) + 0.1 * spread, 5);
});

test('cross-entropy of a single class is 0, and so is its gradient', () => {
  const only = tf.tensor2d([[3], [-2]]);
  const { value, grad } = tf.valueAndGrad((x: typeof only) => crossEntropy(tf, x, [0, NO_LABEL]))(only);
  expect(value.dataSync()[0]).toBeCloseTo(0, 8);
  expect(grad.dataSync()).toBeAllClose([0, 0], { atol: 1e-7 });
});
