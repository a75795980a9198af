import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openModel } from '../../src/engine/pipeline/open-model.ts';
import { concatRows, rows, tensor } from '../../src/engine/tensor.ts';
import { Dataset } from '../../src/engine/training/data/dataset.ts';
import type { PictureSet } from '../../src/engine/training/data/picture-set.ts';
import { decoderTask, unetConfig } from '../../src/engine/training/tasks/decoder.ts';
import type { Embeddings } from '../../src/engine/training/tasks/features.ts';
import { onWhite } from '../../src/engine/training/tasks/pictures.ts';
import { loadPriorEmbeddings, picturesOf, priorTexts } from '../../src/engine/training/tasks/prior-embeddings.ts';
import { tensorflow as tf } from './tensorflow-js.ts';
import { exportTiny, writeTinyPictures, writeTinyRuns } from './tiny-runs.ts';

let dir: string;
let set: Dataset;
/** By the model's own CLIP. */
let seen: Embeddings;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-prior-embeddings-'));
  await writeTinyRuns(join(dir, 'runs'));
  const data = await writeTinyPictures(join(dir, 'pictures'));
  await exportTiny(join(dir, 'model'), join(dir, 'runs'), data);
  set = new Dataset(data);
  const model = await openModel(join(dir, 'model'));
  const embedded = await Promise.all([0, 1, 2].map((index) => model.embedPicture(onWhite(set.read(index)))));
  await model.close();
  const embeddings = concatRows(embedded);
  seen = { embeddings, zeroEmbedding: tensor(new Float32Array(32), [1, 32]), scale: 1, clip: 'the same' };
});
afterAll(async () => {
  set.close();
  await rm(dir, { recursive: true });
});

test('what the prior makes of captions of each picture is made once', async () => {
  const done: number[] = [];
  const load = () =>
    loadPriorEmbeddings(
      join(dir, 'model'),
      set,
      seen,
      async () => rows(seen.embeddings, 0, 1),
      join(dir, 'runs'),
      (count) => done.push(count),
      () => {},
    );
  const { embeddings, pictures } = await load();
  expect(embeddings.shape).toEqual([6, 32]);
  expect(embeddings.data.every(Number.isFinite)).toBe(true);
  expect(pictures).toEqual([0, 0, 1, 1, 2, 2]);
  expect((await load()).embeddings).toEqual(embeddings);
  expect(done).toEqual([1, 2, 3, 4, 5, 6]);
});

test('a model of another CLIP is refused', async () => {
  const nothing = () => {};
  const seeOther = async () =>
    tensor(
      rows(seen.embeddings, 0, 1).data.map((value) => -value),
      [1, 32],
    );
  await expect(
    loadPriorEmbeddings(join(dir, 'model'), set, seen, seeOther, join(dir, 'runs'), nothing, nothing),
  ).rejects.toThrow('has another CLIP than the runs: --prior wants a model that was exported from them');
});

/** Two pictures of a cat, and one of a dog. */
const pets = {
  records: [
    { concept: 'cat', name: 'cat', style: 'noto', split: 'train' },
    { concept: 'cat', name: 'cat', style: 'doodle', split: 'train' },
    { concept: 'dog', name: 'dog', style: '', split: 'train' },
  ],
  concepts: new Map(
    ['cat', 'dog'].map((name) => [name, { name, keywords: [], synonyms: [], hypernyms: [], hyponyms: [] }]),
  ),
} as unknown as PictureSet;

test('the prior is asked for a caption of each picture, and for its style where it has one', () => {
  const texts = priorTexts(pets);
  expect(texts.map(({ picture }) => picture)).toEqual([0, 0, 1, 1, 2]);
  expect(texts[1]!.text).toMatch(/noto/);
  expect(texts[3]!.text).toMatch(/doodle/);
  expect(texts[4]!.text).toContain('dog');
});

test('an embedding gets the picture in the style that its text names, else the nearest of its concept', () => {
  const ofPets = { embeddings: tensor(Float32Array.of(1, 0, 0, 1, 0.6, 0.8), [3, 2]) } as Embeddings;
  const likeTheSecond = tensor(Float32Array.of(0.1, 3, 0.2, 5, 1, 0), [3, 2]);
  const texts = ['cat, noto style', 'a cat', 'a dog'].map((text, i) => ({ text, picture: [0, 0, 2][i]! }));
  expect(picturesOf(texts, likeTheSecond, pets, ofPets)).toEqual([0, 1, 2]);
});

test('a decoder learns from them too, each with its picture', async () => {
  const latents = tensor(
    Float32Array.from({ length: 12 }, (_, i) => Math.floor(i / 4)),
    [3, 1, 1, 4],
  );
  const features = { ...seen, embeddings: tensor(new Float32Array(96), [3, 32]), latents };
  const made = { embeddings: tensor(new Float32Array(64).fill(7), [2, 32]), pictures: [2, 2] };
  const task = (ofPrior?: typeof made) =>
    decoderTask(
      tf,
      pets,
      features,
      async () => Buffer.alloc(0),
      unetConfig([32, 32], 32),
      { horizon: 1, seed: 0 },
      ofPrior,
    );
  const batch = await task(made).batch(1);
  const { embeddings, dropped } = batch;
  const isMade = dropped.map((_, row) => embeddings[32 * row]! > 5);
  const share = isMade.filter(Boolean).length / dropped.filter((isDropped) => !isDropped).length;
  expect(share).toBeGreaterThan(0.3);
  expect(share).toBeLessThan(0.7);
  for (const [row, yes] of isMade.entries()) if (yes) expect(batch.latents[4 * row]).toBe(2);
  expect(Math.max(...(await task().batch(1)).embeddings)).toBeLessThan(5);
});
