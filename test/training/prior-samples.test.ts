import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rgbaFromTensor } from '../../src/engine/evaluation/report/pictures.ts';
import { loadTokenizer } from '../../src/engine/networks/tokenizer.ts';
import { findComponents } from '../../src/engine/pca/components.ts';
import { openKandinsky } from '../../src/engine/pipeline/kandinsky.ts';
import { openModel } from '../../src/engine/pipeline/open-model.ts';
import { sampleDecoder } from '../../src/engine/pipeline/sample-decoder.ts';
import { TorchGenerator } from '../../src/engine/random/torch-generator.ts';
import { type Tensor, tensor } from '../../src/engine/tensor.ts';
import { checkpointOf, loadAverage } from '../../src/engine/training/checkpoint.ts';
import { Dataset } from '../../src/engine/training/data/dataset.ts';
import { PICTURE_SIZE } from '../../src/engine/training/data/rasterise.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { openPriorSheet } from '../../src/engine/training/open-prior-sheet.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import { createTask } from '../../src/engine/training/parts.ts';
import { openClipConfig, openPriorConfig } from '../../src/engine/training/run-config.ts';
import type { FrozenText } from '../../src/engine/training/tasks/clip-encoders.ts';
import { trainedClip } from '../../src/engine/training/tasks/frozen.ts';
import { arPriorSampler, priorSampler } from '../../src/engine/training/tasks/prior-samples.ts';
import { TEXT_LENGTH, tokenizerFolder } from '../../src/engine/training/tasks/tokenizer.ts';
import { writeRandomArPrior } from '../pipeline/random-ar-prior.ts';
import { writeTinyDataset } from '../report/tiny-dataset.ts';
import { tensorflow as tf } from './tensorflow-js.ts';
import { exportTiny, writeTinyPictures, writeTinyRuns } from './tiny-runs.ts';

const WIDTH = 32;

let dir: string;
const path = (name: string) => join(dir, name);
let text: FrozenText;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-prior-samples-'));
  await writeTinyRuns(path('runs'));
  await exportTiny(path('model'), path('runs'), await writeTinyPictures(path('pictures')));
  const clip = await openClipConfig(path('runs'));
  const { weights } = await trainedClip(tf, path('runs'), clip);
  text = { tokenizer: await loadTokenizer(tokenizerFolder(path('runs'))), clip, weights };
});
afterAll(() => rm(dir, { recursive: true }));

async function weightsOf(part: string, runs: string) {
  const averages = await loadAverage(checkpointOf(runs, part));
  const parameters = Parameters.ofTensors(averages);
  return parameters.weights(parameters.tensors(tf, parameters.import(averages, part)));
}

async function embedded(prior: 'diffusion' | 'ar') {
  const model = await openModel(path('model'));
  const { imageEmbedding } = await model.embedText({ prompt: 'red', prior }, new TorchGenerator(0));
  await model.close();
  return imageEmbedding;
}

test('a prior in training makes of a text what the exported model makes of it', async () => {
  const [mean, deviation] = [0, 1].map((value) => tensor(new Float32Array(WIDTH).fill(value), [1, WIDTH]));
  const config = await openPriorConfig(path('runs'));
  const sample = priorSampler(tf, text, config, { mean: mean!, deviation: deviation! });
  const own = await sample(await weightsOf('prior', path('runs')), 'red');
  expect(own).toBeAllClose(await embedded('diffusion'), { atol: 0.05 }); // float16
});

test('so does an autoregressive one', async () => {
  const { config, weights } = await writeRandomArPrior(path('model'), {
    embedding_dim: WIDTH,
    num_embeddings: TEXT_LENGTH,
  });
  const components = findComponents(new Dice(2, 0).normal([4 * WIDTH, WIDTH]));
  const own = await arPriorSampler(tf, text, config, components)(weights, 'red');
  expect(own).toBeAllClose(await embedded('ar'), { atol: 1e-4 });
});

test('a sheet shows pictures, and below them what the trained decoder draws, as the exported model would', async () => {
  const [z, zeroEmbedding] = [1, 2].map((seed) => new Dice(seed, 0).normal([1, WIDTH])) as [Tensor, Tensor];
  const record = { concept: 'red', style: 'flat', split: 'train' } as const;
  const set = new Dataset(await writeTinyDataset(path('one'), [{ name: 'red' }], [record]));
  const draw = await openPriorSheet(tf, set, { zeroEmbedding }, path('runs'));
  const asked: string[] = [];
  const sheet = await draw!(async (caption) => {
    asked.push(caption);
    return z;
  });
  set.close();
  expect(asked).toEqual(['red']);
  expect(await sharp(sheet).metadata()).toMatchObject({ width: 8 * PICTURE_SIZE, height: 2 * PICTURE_SIZE });

  const model = await openKandinsky(path('model'));
  const { scheduler, defaults } = model;
  const latents = await sampleDecoder(model, {
    ...{ imageEmbedding: z, negativeEmbedding: zeroEmbedding, height: PICTURE_SIZE, width: PICTURE_SIZE, scheduler },
    ...{ steps: defaults.steps, guidanceScale: defaults.guidanceScale, generator: new TorchGenerator(0) },
  });
  const expected = rgbaFromTensor(await model.movq.decode(latents)).filter((_, i) => i % 4 < 3);
  await model.close();
  const place = { left: 0, top: PICTURE_SIZE, width: PICTURE_SIZE, height: PICTURE_SIZE };
  const drawn = await sharp(sheet).extract(place).removeAlpha().raw().toBuffer();
  const distance = expected.reduce((sum, value, i) => sum + Math.abs(value - drawn[i]!), 0) / expected.length;
  expect(distance).toBeLessThan(1); // float16
});

test('without a decoder there is no sheet, and the figures all the same', async () => {
  const runs = path('other-runs');
  await writeTinyRuns(runs);
  await rm(join(runs, 'decoder'), { recursive: true });
  const evaluation = async (seed: number) => {
    const task = await createTask(tf, 'prior', { data: path('pictures'), runs, seed, time: 0, say: () => {} });
    return task.evaluate(await weightsOf('prior', runs));
  };
  const { figures, sheet } = await evaluation(0);
  expect(figures).toEqual({ trainLoss: expect.any(Number) });
  expect(sheet).toBeUndefined();
  expect((await evaluation(1)).figures, 'noise and captions are the same whatever the seed').toEqual(figures);
});
