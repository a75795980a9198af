import { expect, test } from 'vitest';
import { TfjsOps } from '../../src/engine/ops/tfjs-ops.ts';
import { WeightMismatchError } from '../../src/engine/ops/weights.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import { tensorflow as tf } from './tensorflow-js.ts';

const ops = new TfjsOps(tf);
const parameters = Parameters.of(ops, (weights) => {
  weights.at('conv').get('weight', [2, 3, 1, 2]);
  weights.at('norm').get('weight', [3]);
  weights.at('norm').get('bias', [3]);
  weights.get('table', [4, 3]);
  weights.get('table', [4, 3]);
});
const kernel = { data: Float32Array.from({ length: 12 }, (_, i) => i), shape: [2, 3, 1, 2] };
const checkpoint = new Map([
  ['conv.weight', kernel],
  ['norm.weight', { data: Float32Array.of(1, 2, 3), shape: [3] }],
  ['norm.bias', { data: Float32Array.of(4, 5, 6), shape: [3] }],
  ['table', { data: new Float32Array(12).fill(7), shape: [4, 3] }],
]);

test('a network says by itself which parameters it has, each once', () => {
  expect(parameters.list.map(({ name, offset }) => [name, offset])).toEqual([
    ['conv.weight', 0],
    ['norm.weight', 12],
    ['norm.bias', 15],
    ['table', 18],
  ]);
  expect(parameters.size).toBe(30);
});

test('a convolution lies as TensorFlow wants it and leaves as torch has it', () => {
  const values = parameters.import(checkpoint, 'a file');
  const [conv] = parameters.tensors(tf, values);
  expect(conv!.shape).toEqual([1, 2, 3, 2]);
  expect(conv!.dataSync()).toEqual(ops.weight(tf.tensor(kernel.data, kernel.shape)).dataSync());
  expect(parameters.export(values)).toEqual(checkpoint);
});

test('what is missing or of another shape is named', () => {
  const { 'norm.bias': _, ...others } = Object.fromEntries(checkpoint);
  expect(() => parameters.import(new Map(Object.entries(others)), 'a file')).toThrow(
    'norm.bias: expected (3), found nothing of that name in a file',
  );
  const weights = parameters.weights(parameters.tensors(tf, new Float32Array(30)));
  expect(() => weights.get('table', [4, 4])).toThrow(WeightMismatchError);
});

test('norms start at one, biases at zero, the rest within ±1/√(fan in) as in torch', () => {
  const values = parameters.initialise(0);
  expect(values.slice(12, 18)).toEqual(Float32Array.of(1, 1, 1, 0, 0, 0));
  const conv = values.subarray(0, 12).map(Math.abs);
  expect(Math.max(...conv)).toBeLessThanOrEqual(1 / Math.sqrt(6));
  expect(new Set(conv).size).toBe(12);
  expect(parameters.initialise(0)).toEqual(values);
  expect(parameters.initialise(1)).not.toEqual(values);
});

test('a rule says otherwise', () => {
  const values = parameters.initialise(0, (name) => (name === 'table' ? { constant: 9 } : undefined));
  expect(values.subarray(18)).toEqual(new Float32Array(12).fill(9));
});
