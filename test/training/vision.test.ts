import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as tfjs from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { clipVision } from '../../src/engine/networks/clip-vision.ts';
import { TfjsOps } from '../../src/engine/ops/tfjs-ops.ts';
import { tensor } from '../../src/engine/tensor.ts';
import { Dataset } from '../../src/engine/training/data/dataset.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { parametersOf, trainStep } from '../../src/engine/training/loop.ts';
import { openOptimizer } from '../../src/engine/training/optimizer/open-optimizer.ts';
import { initialState } from '../../src/engine/training/optimizer/optimizer.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import { embedPixels, embedTokens } from '../../src/engine/training/tasks/clip-encoders.ts';
import { embedTexts } from '../../src/engine/training/tasks/clip-figures.ts';
import { wholePictures } from '../../src/engine/training/tasks/clip-preprocess.ts';
import { localAttention } from '../../src/engine/training/tasks/local-attention.ts';
import { mixtureOf, visionTask } from '../../src/engine/training/tasks/vision.ts';
import { writeTinyDataset } from '../report/tiny-dataset.ts';
import { randomTeacher } from './random-teacher.ts';
import { tensorflow as tf } from './tensorflow-js.ts';
import { spellingTokenizer, TINY_CLIP, TINY_WIDTH } from './tiny-clip.ts';

const NAMES = ['red', 'green', 'blue'];

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-vision-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** CLIP of random weights. */
function randomClip() {
  const pixels = new Float32Array(TINY_CLIP.vision.image_size ** 2 * 3);
  const parameters = Parameters.of(new TfjsOps(tf), (weights) => {
    embedPixels(tf, weights, TINY_CLIP, pixels);
    embedTokens(tf, weights, TINY_CLIP, [spellingTokenizer.encode('red').ids]);
  });
  const values = parameters.initialise(3, (name) => (name.includes('embedding') ? { normal: 1 } : undefined));
  const initialise = parameters.startingFrom(values);
  const weights = parameters.weights(parameters.tensors(tf, values));
  return { tokenizer: spellingTokenizer, clip: TINY_CLIP, weights, initialise };
}

const openSet = async (folder: string, names: readonly string[]) =>
  new Dataset(
    await writeTinyDataset(
      join(dir, folder),
      names.map((name) => ({ name })),
      names.map((concept) => ({ concept, style: 'flat', split: 'train' as const })),
    ),
  );

test('an encoder of pictures learns names by a text encoder that stays, and keeps the embeddings that are known', async () => {
  const dataset = await openSet('own', NAMES);
  const start = randomClip();
  // what prior and decoder know the pictures by: about where their names are, and longer
  const ofNames = await embedTexts(tf, start.weights, TINY_CLIP, spellingTokenizer, NAMES);
  const known = Float32Array.from(ofNames.flatMap((row) => [...row].map((x, i) => 4 * x + (i % 2 ? 0.3 : -0.3))));
  const seen = {
    embeddings: { data: known, shape: [NAMES.length, TINY_WIDTH] },
    zeroEmbedding: { data: new Float32Array(TINY_WIDTH).fill(1), shape: [1, TINY_WIDTH] },
    ...{ scale: 2, clip: '' },
  };
  const options = { horizon: 100, seed: 0 };
  const task = await visionTask(tf, dataset, seen, start, { vision: TINY_CLIP.vision }, options);
  const parameters = await parametersOf(tf, task);
  const values = parameters.initialise(0, task.initialise);
  const trained = [...parameters.export(values).keys()];
  expect(trained.filter((name) => !/^(vision_model|visual_projection)\./.test(name))).toEqual([]);
  expect(task.startsFrom).toBe('clip');

  const hurried = { ...task, optimizer: { ...task.optimizer, learningRate: 0.01, warmup: 1 } };
  const optimizer = openOptimizer(tf, parameters, initialState(values), hurried.optimizer);
  const step = () => trainStep({ tf, task: hurried, parameters, optimizer });
  const first = await step();
  let last = first;
  while (optimizer.step < 100) last = await step();
  expect(last.ofConcepts!).toBeLessThan(first.ofConcepts! / 3);
  expect(last.ofKeeping!).toBeLessThan(first.ofKeeping! / 3);

  const pixels = wholePictures(
    NAMES.map((_, index) => dataset.read(index)),
    TINY_CLIP.vision.image_size,
  );
  const weights = parameters.weights(optimizer.values());
  const nothing = tf.zeros([1, TINY_CLIP.vision.image_size, TINY_CLIP.vision.image_size, 3]);
  const { embedding } = clipVision(new TfjsOps(tf), weights, TINY_CLIP.vision)(nothing as tfjs.Tensor);
  expect(embedding.dataSync()).toBeAllClose(new Float32Array(TINY_WIDTH).fill(0.5), { atol: 0.15 });
  const found = embedPixels(tf, weights, TINY_CLIP, pixels);
  const texts = tf.tensor2d(
    ofNames.flatMap((row) => [...row]),
    [NAMES.length, TINY_WIDTH],
  );
  expect([...tf.argMax(tf.matMul(found, texts, false, true), 1).dataSync()]).toEqual([0, 1, 2]);
}, 60_000);

test('a teacher names mixtures too, and what another set shows has no embedding to keep', async () => {
  const [dataset, extra] = [await openSet('own', NAMES), await openSet('extra', ['blue'])];
  const teacher = randomTeacher(NAMES);
  const rows = (value: number, count: number) =>
    tensor(new Float32Array(count * TINY_WIDTH).fill(value), [count, TINY_WIDTH]);
  const seen = { embeddings: rows(1, NAMES.length), zeroEmbedding: rows(7, 1), scale: 1, clip: '' };
  const options = { horizon: 100, seed: 0 };
  const task = await visionTask(tf, dataset, seen, randomClip(), { vision: TINY_CLIP.vision, teacher, extra }, options);
  let [mixed, keptOnes, ofExtra] = [0, 0, 0];
  for (let step = 1; step <= 20; step++) {
    const { labels, kept, embeddings, pixels } = await task.batch(step);
    expect([labels.length, kept.length, embeddings.length]).toEqual([3, 4, 4 * TINY_WIDTH]);
    expect(pixels.length).toBe(4 * TINY_CLIP.vision.image_size ** 2 * 3);
    // no picture, behind the others
    expect(kept[3]).toBeGreaterThan(1);
    expect(embeddings.subarray(3 * TINY_WIDTH)).toEqual(new Float32Array(TINY_WIDTH).fill(7));
    for (const [i, label] of labels.entries()) {
      mixed += Number(label === -1);
      keptOnes += kept[i]!;
      // what is mixed into is a strong view, which is not kept
      if (label === -1) expect(kept[i]).toBe(0);
      // of no picture that is known
      if (embeddings[i * TINY_WIDTH] === 7) {
        ofExtra++;
        expect(kept[i]).toBe(0);
      } else expect(embeddings[i * TINY_WIDTH]).toBe(1);
    }
  }
  expect([mixed, keptOnes, ofExtra].every((count) => count > 3)).toBe(true);
  const own = await parametersOf(tf, task);
  const weights = own.weights(own.tensors(tf, own.initialise(0, task.initialise)));
  const batch = await task.batch(1);
  const lossOf = (of: typeof batch) => {
    const { total, parts } = task.loss(weights, of);
    expect(Object.keys(parts)).toEqual(['ofConcepts', 'ofKeeping', 'ofTeacher', 'ofHints']);
    return [total, ...Object.values(parts)].map((x) => x.dataSync()[0]!) as [number, number, number, number, number];
  };
  const [total, ofConcepts, ofKeeping, ofTeacher, ofHints] = lossOf(batch);
  expect([ofTeacher, ofHints].every((value) => value > 0)).toBe(true);
  expect(total).toBeCloseTo(0.5 * ofConcepts + ofKeeping + ofTeacher + 3 * ofHints, 4);
  // no picture is known by its embedding, and there is nothing to be taught of it
  const pixels = batch.pixels.slice();
  pixels.fill(1, 3 * TINY_CLIP.vision.image_size ** 2 * 3);
  const [, concepts, keeping, ...taught] = lossOf({ ...batch, pixels });
  expect([concepts, ...taught]).toEqual([ofConcepts, ofTeacher, ofHints]);
  expect(keeping).not.toBe(ofKeeping);
  for (const set of [dataset, extra]) set.close();
});

test('an encoder of other sizes than CLIP’s begins anew', async () => {
  const dataset = await openSet('own', NAMES);
  const vision = { ...TINY_CLIP.vision, num_attention_heads: 4 };
  const rows = (count: number) => tensor(new Float32Array(count * TINY_WIDTH), [count, TINY_WIDTH]);
  const seen = { embeddings: rows(NAMES.length), zeroEmbedding: rows(1), scale: 1, clip: '' };
  const from = randomClip();
  const begin = async (sizes: typeof vision) => {
    const options = { horizon: 100, seed: 0 };
    const task = await visionTask(tf, dataset, seen, from, { vision: sizes }, options);
    const parameters = await parametersOf(tf, task);
    const values = parameters.export(parameters.initialise(0, task.initialise));
    const places = values.get('vision_model.embeddings.position_embedding.weight')!;
    return { startsFrom: task.startsFrom, places };
  };
  const ofClip = await begin(TINY_CLIP.vision);
  const anew = await begin(vision);
  expect([ofClip.startsFrom, anew.startsFrom]).toEqual(['clip', undefined]);
  const name = 'vision_model.embeddings.position_embedding.weight';
  expect(ofClip.places.data).toEqual(from.weights.get(name, ofClip.places.shape).dataSync());
  const { values } = localAttention(vision)(name, anew.places.shape) as { values: Float32Array };
  expect(anew.places.data).toEqual(values);
  dataset.close();
});

test('of a mixture either view shows through all of it, or the second in a square of the first', () => {
  const size = 8;
  const [a, b] = [new Float32Array(size * size * 3).fill(1), new Float32Array(size * size * 3).fill(-1)];
  let [blended, cut] = [0, 0];
  for (let step = 1; step <= 40; step++) {
    const values = mixtureOf(a, b, size, new Dice(0, step));
    const kinds = new Set(values);
    if (kinds.size === 1 && Math.abs(values[0]!) < 1) blended++;
    if (kinds.size === 1) continue;
    cut++;
    expect([...kinds].sort()).toEqual([-1, 1]);
    const others = [...values.entries()].flatMap(([at, value]) => (value === -1 ? [Math.floor(at / 3)] : []));
    const [xs, ys] = [others.map((at) => at % size), others.map((at) => Math.floor(at / size))];
    const side = Math.max(...xs) - Math.min(...xs) + 1;
    expect(Math.max(...ys) - Math.min(...ys) + 1).toBe(side);
    expect(others.length).toBe(side * side * 3);
  }
  expect([blended, cut].every((count) => count > 8)).toBe(true);
  expect(a.every((value) => value === 1)).toBe(true);
});
