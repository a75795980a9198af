import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkpointOf, loadAverage, saveCheckpoint, sizedBy } from '../../src/engine/training/checkpoint.ts';
import { Dataset } from '../../src/engine/training/data/dataset.ts';
import type { PictureSet } from '../../src/engine/training/data/picture-set.ts';
import { PICTURE_BYTES } from '../../src/engine/training/data/rasterise.ts';
import { exportModel } from '../../src/engine/training/export.ts';
import { importModel } from '../../src/engine/training/import.ts';
import { initialState } from '../../src/engine/training/optimizer/optimizer.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import { openEmbeddings, trainAll, trainPart } from '../../src/engine/training/parts.ts';
import { openClassifierConfig, openClipConfig } from '../../src/engine/training/run-config.ts';
import { writeTokenizer } from '../../src/engine/training/tokenizer-folder.ts';
import { tensorflow as tf } from './tensorflow-js.ts';
import { exportTiny, writeTinyPictures, writeTinyRuns } from './tiny-runs.ts';

let runs: string;
beforeEach(async () => {
  runs = await mkdtemp(join(tmpdir(), 'unclip-parts-'));
});
afterEach(() => rm(runs, { recursive: true }));

test.each([
  ['prior', 'clip'],
  ['decoder', 'movq'],
  ['upsampler', 'movq'],
] as const)('%s before %s names the command to call first, and leaves nothing behind', async (part, first) => {
  const options = { data: join(runs, 'data'), runs, seed: 0, time: 1000, say: () => {} };
  // a wrong data set would be found after hours with the part before
  await expect(trainPart(tf, part, options)).rejects.toThrow('a data set is a folder that npm run data has written');
  await writeTinyPictures(options.data);
  await expect(trainPart(tf, part, options)).rejects.toThrow(
    `${join(runs, first, 'checkpoint.safetensors')} is missing: first call npm run train -- ${first} --runs ${runs}`,
  );
  expect(await readdir(runs)).toEqual(['data']);
});

test('all of it is refused before hours are spent, where CLIP is to be trained further and has been distilled', async () => {
  const data = join(runs, 'data');
  await mkdir(data);
  const cat = { id: 'cat', name: 'cat', keywords: [], synonyms: [], hyponyms: [], hypernyms: [] };
  await writeFile(join(data, 'concepts.jsonl'), `${JSON.stringify(cat)}\n`);
  const record = { concept: 'cat', name: 'cat', style: 'flat', split: 'train' };
  await writeFile(join(data, 'metadata.jsonl'), `${JSON.stringify(record)}\n`);
  await writeFile(join(data, 'pictures.rgba'), new Uint8Array(PICTURE_BYTES));
  const parameters = new Parameters([{ name: 'w', shape: [1], offset: 0, size: 1 }]);
  for (const part of ['clip', 'distil', 'vision'] as const) {
    await mkdir(join(runs, part));
    await saveCheckpoint(checkpointOf(runs, part), parameters, { ...initialState(Float32Array.of(1)), step: 10 });
  }
  const options = { data, runs, seed: 0, time: 60_000, say: () => {} };
  await expect(trainAll(tf, options)).rejects.toThrow(
    'clip/checkpoint.safetensors has not had its planned steps, and what distil and vision learned belongs to CLIP as it is now: ' +
      'first call npm run train -- clip until it has had them, then run npm run train -- distil again, ' +
      `then delete ${join(runs, 'vision')}, then run npm run train -- vision again`,
  );
  // as they are, distil learned from another CLIP
  await expect(trainAll(tf, options, true)).rejects.toThrow('CLIP has been trained further since');
  expect((await readdir(runs)).sort()).toEqual(['clip', 'data', 'distil', 'vision']);
});

test('sizes that no network can have are refused by name', async () => {
  await writeTinyRuns(runs);
  const clip = join(runs, 'clip', 'config.json');
  const sizes = JSON.parse(await readFile(clip, 'utf8'));
  await writeFile(clip, JSON.stringify({ ...sizes, vision: { ...sizes.vision, num_attention_heads: 5 } }));
  await expect(openClipConfig(runs)).rejects.toThrow(
    /clip.config.json: vision.num_attention_heads: expected a divisor of "hidden_size", found 5/,
  );
  const dataset = new Dataset(await writeTinyPictures(join(runs, 'data')));
  await mkdir(join(runs, 'teacher'));
  const teacher = { channels: [16, 32, 64], style_width: 8, concepts: ['red', 'green'], styles: ['flat'] };
  for (const image_size of [48, 4]) {
    await writeFile(
      join(runs, 'teacher', 'config.json'),
      JSON.stringify({ _class_name: 'Teacher', ...teacher, image_size }),
    );
    await expect(openClassifierConfig(runs, 'teacher', dataset)).rejects.toThrow(
      /teacher.config.json: image_size: expected a power of two/,
    );
  }
  dataset.close();
});

test('vision does not go on from an encoder that is held to what another CLIP saw', async () => {
  const data = join(runs, 'data');
  await writeTinyPictures(data);
  await writeTinyRuns(runs);
  const [path, clip] = [checkpointOf(runs, 'vision'), await loadAverage(checkpointOf(runs, 'clip'))];
  const trained = new Map([...clip].filter(([name]) => /^vis(ion_model|ual_projection)\./.test(name)));
  const network = Parameters.ofTensors(trained);
  await mkdir(join(runs, 'vision'));
  const learnedFrom = { clip: { step: 5, weights: 'those of another CLIP' } };
  await saveCheckpoint(path, network, { ...initialState(network.import(trained, 'vision')), step: 7 }, { learnedFrom });
  const before = await readFile(path);
  await expect(trainPart(tf, 'vision', { data, runs, seed: 0, time: 1000, say: () => {} })).rejects.toThrow(
    `${path}: CLIP has been trained further since; delete ${join(runs, 'vision')}, then run npm run train -- vision again`,
  );
  expect(await readFile(path)).toEqual(before);
});

test('a runs folder remembers that it began from a model: all of it leaves autoencoder and CLIP as they are', async () => {
  const [data, own, ofModel] = ['data', 'own', 'of-model'].map((name) => join(runs, name)) as [string, string, string];
  await writeTinyPictures(data);
  await writeTinyRuns(own);
  await exportTiny(join(runs, 'model'), own, data);
  await importModel(join(runs, 'model'), ofModel, () => {});
  /** What it says of a call that is stopped before its first step. */
  const planned = async (folder: string, encodersAreGood?: boolean) => {
    const said: string[] = [];
    const options = { data, runs: folder, seed: 0, time: 60_000, signal: AbortSignal.abort() };
    await trainAll(tf, { ...options, say: (line) => said.push(line) }, encodersAreGood);
    return said;
  };
  const ofPriorAndDecoder = 'minutes planned: prior 0.16, decoder 0.84';
  expect(await planned(ofModel, true)).toEqual([ofPriorAndDecoder]);
  expect(await planned(ofModel)).toEqual([
    `of the model that ${ofModel} began from, and left as they are: movq, clip`,
    ofPriorAndDecoder,
  ]);
  expect(await planned(own)).toEqual(['minutes planned: movq 0.11, clip 0.34, prior 0.086, decoder 0.46']);
});

test('all of it is refused before hours are spent, where a part that comes later can not be gone on from', async () => {
  const [data, trained] = ['data', 'trained'].map((name) => join(runs, name)) as [string, string];
  await writeTinyPictures(data);
  await writeTinyRuns(trained);
  const refused = async (message: string) => {
    const options = { data, runs: trained, seed: 0, time: 60_000, say: () => {}, signal: AbortSignal.abort() };
    await expect(trainAll(tf, options, true)).rejects.toThrow(message);
  };
  const decoder = checkpointOf(trained, 'decoder');
  const whole = await readFile(decoder);
  await truncate(decoder, whole.length - 4);
  await refused(`${decoder} is damaged (`);
  await writeFile(decoder, whole);
  const sizes = join(trained, 'decoder', 'config.json');
  const config = await readFile(sizes, 'utf8');
  await writeFile(sizes, config.slice(0, -9));
  await refused(`${sizes}: not valid JSON`);
  await writeFile(sizes, JSON.stringify({ ...JSON.parse(config), block_out_channels: [64, 64] }));
  await refused(`expected (256, 64), found (128, 32) in ${decoder}, whose sizes ${sizes} tells`);
  await writeFile(sizes, config);
  await truncate(checkpointOf(trained, 'movq'), 10);
  await refused(`${checkpointOf(trained, 'movq')} is damaged (`);
});

test('so does an export', async () => {
  const embeddings = openEmbeddings(tf, {} as PictureSet, runs, () => {});
  await expect(embeddings).rejects.toThrow(/clip.checkpoint.safetensors is missing: first call .* train -- clip/);
  const model = exportModel(join(runs, 'model'), { runs, data: '', say: () => {} }, {} as PictureSet, () => embeddings);
  await expect(model).rejects.toThrow(/movq, clip, .* have not been trained there, .* npm run train -- all/);
  expect(await readdir(runs)).toEqual([]);
});

test('what CLIP learned its words by is not learned anew where it is damaged, and no model gets it so', async () => {
  const [data, tokenizer] = [join(runs, 'data'), join(runs, 'tokenizer')];
  await writeTinyPictures(data);
  await writeTinyRuns(runs);
  const training = () => trainPart(tf, 'prior', { data, runs, seed: 0, time: 1000, say: () => {} });
  const mend = `. What CLIP in ${runs} has learned means nothing without it: put back a copy of the folder`;
  await truncate(join(tokenizer, 'vocab.json'), 100);
  for (const work of [training, () => exportTiny(join(runs, 'model'), runs, data)]) {
    await expect(work()).rejects.toThrow(`${join(tokenizer, 'vocab.json')}: not valid JSON`);
    await expect(work()).rejects.toThrow(mend);
  }
  await rm(tokenizer, { recursive: true });
  await expect(training()).rejects.toThrow(`${join(tokenizer, 'tokenizer_config.json')}: missing file${mend}`);
  await writeTokenizer(tokenizer, { vocab: new Map([['a', 0]]), merges: [] }, 32);
  await rm(checkpointOf(runs, 'clip'));
  const clip = trainPart(tf, 'clip', { data, runs, seed: 0, time: 1000, say: () => {} });
  await expect(clip).rejects.toThrow(`startoftext|> is missing. Delete ${tokenizer}, and it is learned again`);
});

test('sizes of another vocabulary are refused, and are written anew once they are deleted', async () => {
  const learn = (...words: string[]) =>
    writeTokenizer(join(runs, 'tokenizer'), { vocab: new Map(words.map((word, i) => [word, i])), merges: [] }, 32);
  await learn('a', 'b', 'c');
  expect((await openClipConfig(runs)).text.vocab_size).toBe(3);
  await learn('a', 'b', 'c', 'd');
  const path = join(runs, 'clip', 'config.json');
  await expect(openClipConfig(runs)).rejects.toThrow(
    `${path} is of 3 tokens, and ${join(runs, 'tokenizer')} holds 4: delete the former`,
  );
  await rm(path);
  expect((await openClipConfig(runs)).text.vocab_size).toBe(4);
});

test('a part by name is refused where what it learns from is of other sizes than its config.json tells', async () => {
  const data = await writeTinyPictures(join(runs, 'data'));
  await writeTinyRuns(runs);
  const config = join(runs, 'clip', 'config.json');
  const { text, vision } = JSON.parse(await readFile(config, 'utf8'));
  await writeFile(config, JSON.stringify({ text, vision: { ...vision, hidden_size: 64 } }));
  const options = { data, runs, seed: 0, time: 1000, say: () => {}, signal: AbortSignal.abort() };
  for (const part of ['decoder', 'prior', 'distil', 'clip'] as const)
    await expect(trainPart(tf, part, options)).rejects.toThrow(
      `found (32, 3, 16, 16) in ${checkpointOf(runs, 'clip')}, whose sizes ${config} tells: put back the config.json that it was trained with`,
    );
});

test('a run without a config.json of its own has the sizes of the part that it began from', () => {
  expect(sizedBy(checkpointOf(runs, 'distil'))).toContain(`whose sizes ${join(runs, 'clip', 'config.json')} tells`);
  expect(sizedBy(checkpointOf(runs, 'fine-tune'))).toContain(join(runs, 'decoder', 'config.json'));
});
