import { mkdir, mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ClipTextConfig } from '../../src/engine/networks/clip-text.ts';
import { ClipVisionConfig, clipVision } from '../../src/engine/networks/clip-vision.ts';
import { TfjsOps } from '../../src/engine/ops/tfjs-ops.ts';
import { tensor } from '../../src/engine/tensor.ts';
import { checkpointOf, saveCheckpoint } from '../../src/engine/training/checkpoint.ts';
import { withCompositions } from '../../src/engine/training/data/compose/composed-set.ts';
import { Dataset } from '../../src/engine/training/data/dataset.ts';
import { PICTURE_BYTES } from '../../src/engine/training/data/rasterise.ts';
import { digestOf, keptIn } from '../../src/engine/training/kept-file.ts';
import { initialState } from '../../src/engine/training/optimizer/optimizer.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import { loadEmbeddings } from '../../src/engine/training/tasks/features.ts';
import { tensorflow as tf } from './tensorflow-js.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-features-'));
});
afterEach(() => rm(dir, { recursive: true }));

const NAMES = ['cat', 'dog', 'sun'];

/** A data set of one colour a picture; the last one is as grey as told. */
async function writeDataset({ grey = 0 } = {}): Promise<string> {
  const data = join(dir, 'data');
  await mkdir(data, { recursive: true });
  const lines = (records: readonly object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');
  const words = { keywords: [], synonyms: [], hyponyms: [], hypernyms: [] };
  await writeFile(
    join(data, 'metadata.jsonl'),
    lines(NAMES.map((name) => ({ concept: name, name, style: 'flat', split: 'train' }))),
  );
  await writeFile(join(data, 'concepts.jsonl'), lines(NAMES.map((name) => ({ id: name, name, ...words }))));
  const pictures = NAMES.map((_, i) => Buffer.alloc(PICTURE_BYTES, i < NAMES.length - 1 ? 80 * (i + 1) : grey));
  await writeFile(join(data, 'pictures.rgba'), Buffer.concat(pictures));
  return data;
}

const sizes = { hidden_size: 8, intermediate_size: 8, projection_dim: 4, num_hidden_layers: 1, num_attention_heads: 2 };
const vision = ClipVisionConfig.parse({ ...sizes, image_size: 32, patch_size: 16 });
const clip = { text: ClipTextConfig.parse({ ...sizes, vocab_size: 4, max_position_embeddings: 4 }), vision };

/** A model's CLIP, of other weights for another seed: as it is imported, at step 0, or trained here. */
async function writeClip(seed: number, step = 0): Promise<string> {
  const runs = join(dir, 'runs');
  const ops = new TfjsOps(tf);
  const parameters = Parameters.of(ops, (weights) => clipVision(ops, weights, vision)(tf.zeros([1, 32, 32, 3])));
  await mkdir(join(runs, 'clip'), { recursive: true });
  const state = { ...initialState(parameters.initialise(seed)), step };
  await saveCheckpoint(checkpointOf(runs, 'clip'), parameters, state);
  return runs;
}

describe('embeddings are kept', () => {
  /** How many pictures had to be embedded. */
  async function embedded(data: string, runs: string, say = (_line: string) => {}): Promise<number> {
    const set = new Dataset(data);
    const onProgress = vi.fn();
    const { embeddings } = await loadEmbeddings(tf, set, runs, clip, onProgress, say);
    expect(embeddings.shape).toEqual([NAMES.length, 4]);
    set.close();
    return onProgress.mock.lastCall?.[0] ?? 0;
  }

  test('until a picture or a weight is another one', async () => {
    const [data, runs] = [await writeDataset(), await writeClip(1)];
    expect(await embedded(data, runs)).toBe(NAMES.length);
    expect(await embedded(data, runs)).toBe(0);
    await writeDataset({ grey: 1 });
    expect(await embedded(data, runs)).toBe(NAMES.length);
    expect(await embedded(data, runs)).toBe(0);
    await writeClip(2);
    expect(await embedded(data, runs)).toBe(NAMES.length);
  });

  test('or the file is damaged, which is said', async () => {
    const [data, runs] = [await writeDataset(), await writeClip(1)];
    await embedded(data, runs);
    const path = join(runs, 'embeddings.safetensors');
    for (const bytes of [(await stat(path)).size - 4, 10, 0]) {
      await truncate(path, bytes);
      const said: string[] = [];
      expect(await embedded(data, runs, (line) => said.push(line))).toBe(NAMES.length);
      expect(said).toEqual([expect.stringMatching(/cut off.*\), and is computed again$/)]);
      expect(said[0]).toContain(`${path} is damaged (`);
      expect(await embedded(data, runs)).toBe(0);
    }
  });
});

test('embeddings of a CLIP that was trained here have variance 1 over the first data set, and the same scale over others', async () => {
  const runs = await writeClip(1, 10);
  const scaleOver = async (data: string) => {
    const set = new Dataset(data);
    const { scale, embeddings } = await loadEmbeddings(
      tf,
      set,
      runs,
      clip,
      () => {},
      () => {},
    );
    set.close();
    return { scale, embeddings };
  };
  const first = await scaleOver(await writeDataset());
  expect(first.scale).not.toBeCloseTo(1, 2);
  expect((await scaleOver(await writeDataset({ grey: 200 }))).scale).toBe(first.scale);
  // another scale is not made up in its place
  const path = join(runs, 'clip', 'scale.safetensors');
  await truncate(path, 10);
  await expect(scaleOver(await writeDataset())).rejects.toThrow(
    /scale.safetensors is damaged .*: put back a copy of it/,
  );
  await writeClip(2, 20);
  await rm(path);
  expect((await scaleOver(await writeDataset())).scale).not.toBe(first.scale);
});

describe('the digest of a data set', () => {
  test('is that of all pixels, and of the compositions', async () => {
    const digests = new Set<string>();
    for (const grey of [0, 1]) {
      const set = new Dataset(await writeDataset({ grey }));
      digests.add(await set.digest()).add(await set.digest());
      for (const seed of [0, 1]) digests.add(await withCompositions(set, { count: 4, seed }).digest());
      set.close();
    }
    expect(digests.size).toBe(6);
  });
});

test('a file that is kept is computed again where it is of another origin', async () => {
  const path = join(dir, 'kept.safetensors');
  const kept = async (origin: string, value: number) =>
    (
      await keptIn(
        path,
        digestOf(origin),
        expect.unreachable,
        async () => new Map([['x', tensor(Float32Array.of(value), [1])]]),
      )
    ).get('x')!.data[0];
  expect([await kept('a', 1), await kept('a', 2), await kept('b', 3)]).toEqual([1, 1, 3]);
});
