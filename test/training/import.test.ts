import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { tensor } from '../../src/engine/tensor.ts';
import { checkpointOf, loadNotes, saveCheckpoint } from '../../src/engine/training/checkpoint.ts';
import { importModel } from '../../src/engine/training/import.ts';
import { findMisfits } from '../../src/engine/training/learned-from.ts';
import { initialState } from '../../src/engine/training/optimizer/optimizer.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import type { Part } from '../../src/engine/training/part-names.ts';
import { openClipConfig, openMovqConfig, openUnetConfig } from '../../src/engine/training/run-config.ts';
import { trainedClip, trainedDecoder, trainedMovq } from '../../src/engine/training/tasks/frozen.ts';
import { writeComponents } from '../../src/engine/training/tasks/principal-components.ts';
import { readSafetensors, writeSafetensors } from '../../src/engine/weights/safetensors.ts';
import { writeRandomArPrior } from '../pipeline/random-ar-prior.ts';
import { tensorflow as tf } from './tensorflow-js.ts';
import { exportTiny, writeTinyPictures, writeTinyRuns } from './tiny-runs.ts';

const TINY = fileURLToPath(new URL('../golden/kandinsky-tiny', import.meta.url));

let dir: string;
let model: string;
let runs: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-import-'));
  model = join(dir, 'model');
  await writeTinyRuns(join(dir, 'trained'));
  await exportTiny(model, join(dir, 'trained'), await writeTinyPictures(join(dir, 'pictures')));
  await writeRandomArPrior(model, { embedding_dim: 32, num_embeddings: 32 });
  await writeFile(join(model, 'ATTRIBUTION.md'), 'Pictures, by them\n');
});
beforeEach(async () => {
  runs = await mkdtemp(join(dir, 'runs-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function importing(): Promise<string[]> {
  const said: string[] = [];
  await importModel(model, runs, (line) => said.push(line));
  return said;
}

/** A part that was trained here, from the start. */
async function save(part: Part): Promise<void> {
  const parameters = new Parameters([{ name: 'w', shape: [1], offset: 0, size: 1 }]);
  await mkdir(join(runs, part), { recursive: true });
  const state = { ...initialState(Float32Array.of(1)), step: 10 };
  await saveCheckpoint(checkpointOf(runs, part), parameters, state);
}
const remove = (part: Part) => rm(join(runs, part), { recursive: true });

test('the networks of a model are opened with the sizes that come with them', async () => {
  await importing();
  for (const opened of [
    await trainedMovq(tf, runs, await openMovqConfig(runs)),
    await trainedClip(tf, runs, await openClipConfig(runs)),
    await trainedDecoder(tf, runs, await openUnetConfig(runs)),
  ])
    expect(opened.initialise).toBeTypeOf('function');
});

const ALL = ['movq', 'clip', 'decoder', 'prior', 'ar-prior'] as const;

test('whatever goes on from a model begins with a third of the learning rate', async () => {
  await importing();
  for (const part of ALL) {
    const { schedule } = await loadNotes(checkpointOf(runs, part));
    expect(schedule).toEqual({ ofPeak: 1 / 3 });
  }
});

test('it says what was taken, and at another call what was kept; all of it fits', async () => {
  expect(await importing()).toEqual([`taken from ${model}: ${ALL.join(', ')}`]);
  expect(await importing()).toEqual([`kept as they are in ${runs}: ${ALL.join(', ')}`]);
  await remove('decoder');
  expect(await importing()).toEqual([
    `kept as they are in ${runs}: movq, clip, prior, ar-prior`,
    `taken from ${model}: decoder`,
  ]);
  expect(await findMisfits(runs, ALL)).toEqual([]);
});

test('of two that start from a model at once, one is told to wait', async () => {
  const both = await Promise.allSettled([importing(), importing()]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const refused = both.find((one) => one.status === 'rejected');
  expect(String(refused?.reason)).toContain(`${runs} is in use by process ${process.pid}, which starts from a model`);
});

test('a model that was trained elsewhere is refused, with what is another, and nothing is written', async () => {
  const only = 'training goes on only from models that npm run train -- export has written';
  await expect(importModel(TINY, runs, () => {})).rejects.toThrow(
    `${TINY}: ${only}: movq/config.json: in_channels (of RGBA): expected 4, found 3`,
  );
  const other = join(dir, 'other');
  for (const [file, change, message] of [
    ['unet/config.json', { in_channels: 9 }, 'unet/config.json: in_channels (those of latents): expected 4, found 9'],
    ['unet/config.json', { sample_size: 64 }, 'sample_size (of pictures of 128 pixels): expected 16, found 64'],
    [
      'scheduler/scheduler_config.json',
      { prediction_type: 'epsilon' },
      'scheduler/scheduler_config.json: prediction_type: expected "v_prediction", found "epsilon"',
    ],
    [
      'prior_image_processor/preprocessor_config.json',
      { image_mean: [0.4, 0.5, 0.5] },
      'image_processor/preprocessor_config.json: image_mean: expected [0.5,0.5,0.5], found [0.4,0.5,0.5]',
    ],
  ] as const) {
    await cp(model, other, { recursive: true });
    const config = JSON.parse(await readFile(join(other, file), 'utf8'));
    await writeFile(join(other, file), JSON.stringify({ ...config, ...change }));
    await expect(importModel(other, runs, () => {})).rejects.toThrow(message);
  }
  expect(await readdir(runs)).toEqual([]);
});

test('a model of a training that has diverged is refused, and nothing is written', async () => {
  const diverged = join(dir, 'diverged');
  await cp(model, diverged, { recursive: true });
  const path = join(diverged, 'unet', 'diffusion_pytorch_model.safetensors');
  const weights = await readSafetensors(path);
  weights.get('conv_in.bias')!.data.fill(Number.NaN);
  await writeSafetensors(path, weights, { dtype: 'F16' });
  await expect(importModel(diverged, runs, () => {})).rejects.toThrow(
    new RegExp(`${diverged}, decoder: conv_in.bias: .*found NaN, and 32 such of .*name another model`),
  );
  expect(await readdir(runs)).toEqual([]);
});

test('so is one whose tokenizer is not whole', async () => {
  const cut = join(dir, 'cut');
  await cp(model, cut, { recursive: true });
  await rm(join(cut, 'prior_tokenizer', 'vocab.json'));
  await expect(importModel(cut, runs, () => {})).rejects.toThrow(
    `${join(cut, 'prior_tokenizer')}: expected tokenizer.json, or vocab.json`,
  );
  expect(await readdir(runs)).toEqual([]);
});

test('prior and decoder are not put beside the CLIP of another training, and nothing is written', async () => {
  await save('clip');
  await expect(importing()).rejects.toThrow(
    `the runs in ${runs} have a clip of their own, and decoder of ${model} has learned from another: name another --runs for ` +
      `what starts from ${model}, or leave --from out to go on`,
  );
  expect(await readdir(runs)).toEqual(['clip']);
});

test('nor is a part put beside it that was not asked for: runs from nothing want another folder', async () => {
  await writeTinyRuns(runs);
  await expect(importing()).rejects.toThrow(`the runs in ${runs} have a clip of their own, and ar-prior of ${model}`);
});

test('nor is a CLIP put beside a prior that has learned from another', async () => {
  await importing();
  await save('prior');
  await remove('clip');
  await expect(importing()).rejects.toThrow(
    `the runs in ${runs} have a prior of their own, which has learned from another clip than that of ${model}: name another`,
  );
});

test("a training's own principal components and works stay, and CLIP's further training is no mixture", async () => {
  await importing();
  await remove('ar-prior');
  await save('clip');
  const one = tensor(Float32Array.of(1), [1]);
  await writeComponents(runs, 'digest', { mean: one, directions: one, deviations: one });
  await writeFile(join(runs, 'ATTRIBUTION.md'), 'Pictures, by us\n');
  const before = await readFile(join(runs, 'ar-prior', 'components.safetensors'));
  const arPrior = join(model, 'prior_ar');
  await cp(arPrior, join(dir, 'prior_ar'), { recursive: true });
  await rm(arPrior, { recursive: true });
  try {
    expect(await importing()).toEqual([`kept as they are in ${runs}: movq, clip, decoder, prior`]);
  } finally {
    await cp(join(dir, 'prior_ar'), arPrior, { recursive: true });
  }
  expect(await readFile(join(runs, 'ar-prior', 'components.safetensors'))).toEqual(before);
  expect(await readFile(join(runs, 'ATTRIBUTION.md'), 'utf8')).toBe('Pictures, by us\n');
});

test('works of both are named where parts of a model are added to a training', async () => {
  await writeFile(join(runs, 'ATTRIBUTION.md'), 'Pictures, by us\n');
  await importing();
  await remove('decoder');
  await importing();
  expect(await readFile(join(runs, 'ATTRIBUTION.md'), 'utf8')).toBe('Pictures, by us\n\nPictures, by them\n');
  expect(JSON.parse(await readFile(join(runs, 'trained-on.json'), 'utf8'))).toEqual({
    dataSets: [{ attributed: true }, { attributed: false, set: expect.objectContaining({ pictures: 3 }) }],
  });
  expect((await readSafetensors(checkpointOf(runs, 'decoder'))).get('step')!.data[0]).toBe(0);
});
