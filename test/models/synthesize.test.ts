import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PUBLISHED_SHAPES } from '../../src/engine/models/published-shapes.ts';
import { synthesizeModel } from '../../src/engine/models/synthesize.ts';
import { draw } from '../../src/engine/pipeline/draw.ts';
import { openModel } from '../../src/engine/pipeline/open-model.ts';
import { recipesFor } from '../../src/engine/pipeline/recipes.ts';
import { readSafetensors } from '../../src/engine/weights/safetensors.ts';
import { InputError } from '../../src/errors.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'synthesize-'));
});
afterAll(() => rm(root, { recursive: true }));

const SMALL_CLIP = { hidden_size: 16, intermediate_size: 32, num_attention_heads: 2, num_hidden_layers: 1 };
const SMALL_BLOCKS = { block_out_channels: [32, 32, 32, 64], layers_per_block: 1, attention_head_dim: 16 };

/** Kandinsky 2.2, each network as it is published but narrow. */
function smallKandinsky() {
  const [prior, decoder] = PUBLISHED_SHAPES.kandinsky22;
  const networks = { ...prior.networks, ...decoder.networks } as Record<string, object>;
  const small = (name: string, changes: object) => ({ [name]: { ...networks[name], ...changes } });
  return [
    {
      ...prior,
      networks: {
        ...small('prior', { embedding_dim: 16, num_attention_heads: 2, attention_head_dim: 8, num_layers: 1 }),
        ...small('text_encoder', { ...SMALL_CLIP, projection_dim: 16 }),
        ...small('image_encoder', { ...SMALL_CLIP, projection_dim: 16 }),
      },
    },
    {
      ...decoder,
      networks: {
        ...small('unet', { ...SMALL_BLOCKS, encoder_hid_dim: 16, cross_attention_dim: 8, sample_size: 8 }),
        ...small('movq', { block_out_channels: [32, 32, 32, 32], layers_per_block: 1, num_vq_embeddings: 8 }),
      },
    },
  ];
}

test('a model of random weights opens and draws, its activations finite', { timeout: 20_000 }, async () => {
  const dir = join(root, 'float32');
  await synthesizeModel(dir, smallKandinsky());
  const model = await openModel(dir, { threads: 1 });
  const recipes = recipesFor(model, { operation: 'imagine', prompt: 'ab' }, { seed: 1, steps: 2, count: 1 });
  const [image] = (await draw(model, recipes)).images;
  expect(image!.shape).toEqual([1, 3, 64, 64]);
  expect(image!.data.every(Number.isFinite)).toBe(true);
  await model.close();
});

test('float16 in shards holds the same values, rounded', async () => {
  const [part] = smallKandinsky();
  await synthesizeModel(join(root, 'single'), [part!], {});
  await synthesizeModel(join(root, 'shards'), [part!], { dtype: 'F16', shardBytes: 1e6 });
  const folder = join(root, 'shards/prior/text_encoder');
  const index = JSON.parse(await readFile(join(folder, 'model.safetensors.index.json'), 'utf8'));
  const name = 'text_model.encoder.layers.0.mlp.fc1.weight';
  expect(index.weight_map[name]).toBe('model-00002-of-00002.safetensors');
  const half = (await readSafetensors(join(folder, index.weight_map[name]))).get(name);
  const full = (await readSafetensors(join(root, 'single/prior/text_encoder/model.safetensors'))).get(name);
  expect(half).toBeAllClose(full!, { rtol: 2 ** -11 });
  expect(Math.max(...full!.data)).toBeCloseTo(1 / Math.sqrt(16), 2);
});

test('a folder that holds something is left alone, and a disk without room is found out before', async () => {
  const dir = await mkdtemp(join(root, 'full-'));
  await writeFile(join(dir, 'mine.txt'), '');
  await expect(synthesizeModel(dir, smallKandinsky())).rejects.toThrow(
    new InputError(`${dir}: expected a new or empty folder, found mine.txt in it`),
  );
  const [part] = smallKandinsky();
  const huge = { ...part!, networks: { text_encoder: { ...SMALL_CLIP, projection_dim: 16, vocab_size: 1e12 } } };
  await expect(synthesizeModel(join(root, 'huge'), [huge])).rejects.toThrow(/expected room for \d+\.\d GB, found/);
});
