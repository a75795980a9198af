import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as tfjs from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { arPrior } from '../../src/engine/networks/ar-prior.ts';
import { openArPrior } from '../../src/engine/runtime/networks/ar-prior.ts';
import { tensor } from '../../src/engine/tensor.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { randomArPrior, writeRandomArPrior } from '../pipeline/random-ar-prior.ts';
import { tensorflow as tf } from '../training/tensorflow-js.ts';

const SIZES = { embedding_dim: 8, num_embeddings: 6 };
const [ROWS, TEXT] = [2, 4];
const CODES = [
  [3, 15, 0, 7, 7],
  [9, 2, 11, 4, 1],
];
const SIMILARITY = [3, 4];

const dice = new Dice(5, 0);
const textEmbedding = dice.normal([ROWS, SIZES.embedding_dim]);
const textHidden = dice.normal([ROWS, SIZES.num_embeddings, SIZES.embedding_dim]);
const textMask = tensor(Float32Array.of(1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 0), [ROWS, SIZES.num_embeddings]);

const network = randomArPrior(SIZES);
const { config, ops, weights } = network;
const condition = (tokens = SIZES.num_embeddings) => ({
  textEmbedding: tf.tensor(textEmbedding.data, [...textEmbedding.shape]),
  textHidden: tf.slice(tf.tensor(textHidden.data, [...textHidden.shape]), [0, 0, 0], [ROWS, tokens, -1]),
  textMask: tf.slice(tf.tensor(textMask.data, [...textMask.shape]), [0, 0], [ROWS, tokens]),
  similarity: tf.tensor2d(SIMILARITY, [ROWS, 1], 'int32'),
});
const codes = () => tf.tensor2d(CODES, [ROWS, 5], 'int32');
const read = (x: tfjs.Tensor) => ({ data: x.dataSync() as Float32Array, shape: x.shape });
/** Logits of code k, (B, V). */
const ofCode = (all: tfjs.Tensor, k: number) => read(tf.reshape(tf.slice(all, [0, k, 0], [ROWS, 1, -1]), [ROWS, -1]));

const all = arPrior(ops, weights, config).all(condition(), codes());

test('a code is predicted from those before it alone', () => {
  const changed = CODES.map((row) => row.with(2, 5));
  const other = arPrior(ops, weights, config).all(condition(), tf.tensor2d(changed, [ROWS, 5], 'int32'));
  for (const k of [0, 1, 2]) expect(ofCode(other, k)).toBeAllClose(ofCode(all, k), { atol: 1e-5 });
  for (const k of [3, 4]) expect(ofCode(other, k).data).not.toBeAllClose(ofCode(all, k).data, { atol: 1e-2 });
});

test('what is behind the longest text may be left out', () => {
  const shorter = arPrior(ops, weights, config, TEXT).all(condition(TEXT), codes());
  expect(read(shorter)).toBeAllClose(read(all), { atol: 1e-4 });
});

test('one code after another, with what is remembered, is the same as all at once', () => {
  const { first, next } = arPrior(ops, weights, config);
  let { logits, memory } = first(condition());
  expect(read(logits)).toBeAllClose(ofCode(all, 0), { atol: 1e-4 });
  for (let k = 1; k < 5; k++) {
    const code = tf.tensor2d(
      CODES.map((row) => row[k - 1]!),
      [ROWS, 1],
      'int32',
    );
    const position = tf.tensor2d([SIZES.num_embeddings + 1 + k], [1, 1], 'int32');
    ({ logits, memory } = next(code, position, condition().textMask, memory));
    expect(read(logits), `code ${k}`).toBeAllClose(ofCode(all, k), { atol: 1e-4 });
  }
});

test('gradients reach every parameter', () => {
  const { parameters, values } = network;
  const loss = (...tensors: tfjs.Tensor[]) => {
    const logits = arPrior(ops, parameters.weights(tensors), config).all(condition(), codes());
    return tf.mean(tf.square(logits)) as tfjs.Scalar;
  };
  const gradients = tf.grads(loss)(parameters.tensors(tf, values));
  const unreached = parameters.list.filter((_, i) => gradients[i]!.dataSync().every((x) => x === 0));
  // a key's bias moves all scores of a query alike, which changes no attention
  expect(unreached.map(({ name }) => name).filter((name) => !name.endsWith('to_k.bias'))).toEqual([]);
});

describe('in onnxruntime', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'unclip-ar-'));
    await writeRandomArPrior(dir, SIZES);
  });
  afterAll(() => rm(dir, { recursive: true }));

  test('one code after another gives what TensorFlow.js gives for all at once', async () => {
    const prior = await openArPrior(join(dir, 'prior_ar'), { threads: 1 });
    const writer = await prior.begin({ textEmbedding, textHidden, textMask, similarity: SIMILARITY });
    expect(writer.logits).toBeAllClose(ofCode(all, 0), { atol: 1e-4 });
    for (let k = 1; k < 5; k++) {
      const logits = await writer.next(CODES.map((row) => row[k - 1]!));
      expect(logits, `code ${k}`).toBeAllClose(ofCode(all, k), { atol: 1e-4 });
    }
    await prior.close();
  });
});
