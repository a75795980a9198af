import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Dataset } from '../../src/engine/training/data/dataset.ts';
import { parametersOf, trainStep } from '../../src/engine/training/loop.ts';
import { openOptimizer } from '../../src/engine/training/optimizer/open-optimizer.ts';
import { initialState } from '../../src/engine/training/optimizer/optimizer.ts';
import { type ClipTeaching, clipTask, namesWithVectors, picturesByName } from '../../src/engine/training/tasks/clip.ts';
import { embedPixels } from '../../src/engine/training/tasks/clip-encoders.ts';
import { wholePictures } from '../../src/engine/training/tasks/clip-preprocess.ts';
import { localAttention } from '../../src/engine/training/tasks/local-attention.ts';
import { writeTinyDataset } from '../report/tiny-dataset.ts';
import { randomTeacher } from './random-teacher.ts';
import { tensorflow as tf } from './tensorflow-js.ts';
import { TINY_CLIP as config, LETTERS, spellingTokenizer as tokenizer, TINY_WIDTH as WIDTH } from './tiny-clip.ts';

const NAMES = ['red', 'green', 'blue'];
const STYLES = ['flat', 'striped'];

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-clip-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function openTask(teaching?: ClipTeaching, styles: readonly string[] = STYLES) {
  const pictures = NAMES.flatMap((concept) => styles.map((style) => ({ concept, style, split: 'train' as const })));
  const concepts = NAMES.map((name) => ({ name }));
  const dataset = new Dataset(await writeTinyDataset(dir, concepts, pictures));
  const task = clipTask(tf, dataset, tokenizer, config, { horizon: 120, seed: 0 }, teaching);
  return { dataset, task: { ...task, optimizer: { ...task.optimizer, learningRate: 5e-3, warmup: 5 } } };
}

async function begin(task: Awaited<ReturnType<typeof openTask>>['task']) {
  const parameters = await parametersOf(tf, task);
  const state = initialState(parameters.initialise(0, task.initialise));
  return { parameters, optimizer: openOptimizer(tf, parameters, state, task.optimizer) };
}

test('a picture’s embedding tells its style beside its concept', async () => {
  const { dataset, task } = await openTask();
  const { parameters, optimizer } = await begin(task);
  while (optimizer.step < 120) await trainStep({ tf, task, parameters, optimizer });

  const values = optimizer.values();
  const all = dataset.records.map((_, index) => dataset.read(index));
  const pixels = wholePictures(all, config.vision.image_size);
  const weights = parameters.weights(values);
  const embeddings = embedPixels(tf, weights, config, pixels);
  const nearest = (vectors: string, names: readonly string[]) => {
    const table = weights.get(vectors, [names.length, WIDTH]);
    const unit = tf.div(table, tf.norm(table, 2, 1, true));
    return [...tf.argMax(tf.matMul(embeddings, unit, false, true), 1).dataSync()].map((i) => names[i]);
  };
  expect(nearest('concepts', NAMES)).toEqual(dataset.records.map(({ concept }) => concept));
  expect(nearest('styles', STYLES)).toEqual(dataset.records.map(({ style }) => style));
});

test('repeated names in a single style are learned without a loss of styles', async () => {
  const { task } = await openTask({}, ['', '']);
  const { parameters, optimizer } = await begin(task);
  const vectors = parameters.list.map(({ name }) => name).filter((name) => /^(concept|style)/.test(name));
  expect(vectors).toEqual(['concepts', 'concept_scale']);
  const figures = await trainStep({ tf, task, parameters, optimizer });
  expect(figures.loss).toBeCloseTo((figures.ofImages! + figures.ofTexts!) / 2 + figures.ofConcepts!, 4);
});

test('its encoder of pictures begins as one that looks at neighbours, and learns from a teacher what is where', async () => {
  const { task } = await openTask({ teacher: randomTeacher(NAMES, STYLES) });
  const { parameters, optimizer } = await begin(task);
  const start = parameters.export(parameters.initialise(0, task.initialise));
  const name = 'vision_model.embeddings.position_embedding.weight';
  const { values } = localAttention(config.vision)(name, start.get(name)!.shape) as { values: Float32Array };
  expect([...start.get(name)!.data]).toEqual([...values]);

  const hints = parameters.list.map(({ name }) => name).filter((name) => name.startsWith('hints.'));
  expect(hints).toContain('hints.style');
  for (const name of hints) expect(task.onlyInTraining).toContain(name);
  const first = await trainStep({ tf, task, parameters, optimizer });
  let last = first;
  while (optimizer.step < 60) last = await trainStep({ tf, task, parameters, optimizer });
  expect(last.ofHints!).toBeLessThan(0.7 * first.ofHints!);
  const { ofImages, ofTexts, ofConcepts, ofStyles, ofTeacher, ofHints } = last as Record<string, number>;
  expect(last.loss).toBeCloseTo(
    (ofImages! + ofTexts!) / 2 + ofConcepts! + 2 * ofStyles! + ofTeacher! + 3 * ofHints!,
    3,
  );
});

test('a caption that does not name the style is right for both pictures of its concept in a batch', async () => {
  const { task } = await openTask();
  const parameters = await parametersOf(tf, task);
  const weights = parameters.weights(parameters.tensors(tf, parameters.initialise(0, task.initialise)));
  const isNamed = (ids: readonly number[]) => {
    const caption = ids.map((id) => LETTERS[id] ?? '').join('');
    return STYLES.some((style) => caption.includes(style));
  };
  let [named, unnamed] = [0, 0];
  for (let step = 1; step <= 8; step++) {
    const batch = await task.batch(step);
    const { concepts, texts, fitting } = batch;
    expect(concepts).toHaveLength(2 * NAMES.length);
    for (const [picture, concept] of concepts.entries()) {
      for (const [text, ids] of texts.entries()) {
        const isOther = picture !== text && concepts[text] === concept;
        expect(fitting[picture * texts.length + text]).toBe(Number(isOther && !isNamed(ids)));
        if (isOther) isNamed(ids) ? named++ : unnamed++;
      }
    }
    const loss = task.loss(weights, batch).total.dataSync()[0]!;
    const without = task.loss(weights, { ...batch, fitting: fitting.map(() => 0) }).total.dataSync()[0]!;
    if (fitting.includes(1)) expect(loss).toBeLessThan(without);
  }
  expect([named, unnamed].every((count) => count > 4)).toBe(true);
});

test('styles are asked of gentle views, and second pictures of a concept are in another one', async () => {
  const { task } = await openTask();
  const [ofViews, pairs]: [Set<number>, Set<string>] = [new Set(), new Set()];
  for (let step = 1; step <= 20; step++) {
    const { concepts, styles } = await task.batch(step);
    for (const [i, concept] of concepts.entries()) {
      ofViews.add(styles[i]!);
      const [first, second] = [styles[concepts.indexOf(concept)]!, styles[concepts.lastIndexOf(concept)]!];
      if (first !== -1 && second !== -1) pairs.add([first, second].sort().join());
    }
  }
  // none of strong views
  expect([...ofViews].sort()).toEqual([-1, 0, 1]);
  expect([...pairs]).toEqual(['0,1']);
});

test('concepts of one name are one, and it is no sharper than 1/100', async () => {
  const concepts = [{ id: 'emoji', name: 'star' }, { id: 'icon', name: 'star' }, { name: 'moon' }];
  const pictures = ['emoji', 'icon', 'moon'].map((concept) => ({ concept, style: 'flat', split: 'train' as const }));
  const dataset = new Dataset(await writeTinyDataset(dir, concepts, pictures));
  expect(namesWithVectors(dataset)).toEqual(['star', 'moon']);
  expect([...picturesByName(dataset)]).toEqual([
    ['star', [0, 1]],
    ['moon', [2]],
  ]);
  const task = clipTask(tf, dataset, tokenizer, config, { horizon: 120, seed: 0 });
  const parameters = await parametersOf(tf, task);
  const sharp = parameters.initialise(0, (name, shape) =>
    name === 'logit_scale' ? { constant: 10 } : task.initialise?.(name, shape),
  );
  const { parts } = task.loss(parameters.weights(parameters.tensors(tf, sharp)), await task.batch(1));
  expect(parts.scale!.dataSync()[0]).toBeCloseTo(100, 3);
});

test('concepts start from what CLIP says of their names, where it knows them already', async () => {
  const nameVectors = Float32Array.from({ length: NAMES.length * WIDTH }, (_, i) => i);
  const { dataset, task } = await openTask({ nameVectors });
  const parameters = await parametersOf(tf, task);
  const start = parameters.export(parameters.initialise(0, task.initialise));
  expect(namesWithVectors(dataset)).toEqual(NAMES);
  expect([...start.get('concepts')!.data]).toEqual([...nameVectors]);
  expect(start.get('styles')!.shape).toEqual([STYLES.length, WIDTH]);
});

test('its sheet shows captions of the set, and beside each its own picture and the nearest ones', async () => {
  const { dataset, task } = await openTask();
  const parameters = await parametersOf(tf, task);
  const { sheet } = await task.evaluate(
    parameters.weights(parameters.tensors(tf, parameters.initialise(0, task.initialise))),
  );
  const { data, info } = await sharp(sheet).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const [size, labels] = [64, 192];
  const count = dataset.records.length;
  expect([info.width, info.height]).toEqual([labels + 12 * size, count * size]);
  const pixel = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3).subarray(0, 3)];
  const isWhite = (left: number, row: number, width: number) =>
    Array.from({ length: width * size }, (_, i) => pixel(left + (i % width), row * size + Math.floor(i / width)))
      .flat()
      .every((value) => value === 255);
  for (const [row] of dataset.records.entries()) {
    expect(isWhite(0, row, labels)).toBe(false);
    const own = [
      ...dataset
        .read(row)
        .subarray((16 * 128 + 16) * 4)
        .subarray(0, 3),
    ];
    expect(pixel(labels + 8, row * size + 8)).toBeAllClose(own, { atol: 2 });
    expect(isWhite(labels + size, row, size)).toBe(true);
    expect(isWhite(labels + 2 * size, row, Math.min(count, 10) * size)).toBe(false);
  }
});
