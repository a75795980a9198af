import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PictureSet } from '../../src/engine/training/data/picture-set.ts';
import { exportModel } from '../../src/engine/training/export.ts';
import { openEmbeddings, trainPart } from '../../src/engine/training/parts.ts';
import { openClipConfig } from '../../src/engine/training/run-config.ts';
import { writeTokenizer } from '../../src/engine/training/tokenizer-folder.ts';
import { tensorflow as tf } from './tensorflow-js.ts';

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
  await expect(trainPart(tf, part, options)).rejects.toThrow(
    `${join(runs, first, 'checkpoint.safetensors')} is missing: first call npm run train -- ${first} --runs ${runs}`,
  );
  expect(await readdir(runs)).toEqual([]);
});

test('so does an export', async () => {
  const embeddings = openEmbeddings(tf, {} as PictureSet, runs, () => {});
  await expect(embeddings).rejects.toThrow(/clip.checkpoint.safetensors is missing: first call .* train -- clip/);
  const model = exportModel(join(runs, 'model'), { runs, data: '' }, {} as PictureSet, () => embeddings);
  await expect(model).rejects.toThrow(/movq, clip, .* have not been trained there, .* npm run train -- all/);
  expect(await readdir(runs)).toEqual([]);
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
