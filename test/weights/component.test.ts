import { cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openClipText } from '../../src/engine/runtime/networks/clip.ts';
import { openMovq } from '../../src/engine/runtime/networks/movq.ts';
import { openPrior } from '../../src/engine/runtime/networks/prior.ts';
import { openUnet } from '../../src/engine/runtime/networks/unets.ts';
import { readSafetensors, writeSafetensors } from '../../src/engine/weights/safetensors.ts';
import { InputError } from '../../src/errors.ts';

const WEIGHTS = 'diffusion_pytorch_model.safetensors';
let root: string;
let prior: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'component-'));
  prior = join(root, 'prior');
  await mkdir(prior);
  for (const name of ['config.json', WEIGHTS]) await cp(`test/golden/networks/prior/${name}`, join(prior, name));
});
afterEach(() => rm(root, { recursive: true }));

async function edit(dir: string, change: (config: Record<string, unknown>) => void): Promise<void> {
  const path = join(dir, 'config.json');
  const config = JSON.parse(await readFile(path, 'utf8'));
  change(config);
  await writeFile(path, JSON.stringify(config));
}

const refusal = async (opening: Promise<unknown>) => {
  const error: unknown = await opening.then(
    () => 'opened',
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).message;
};

test('missing files are named', async () => {
  await rename(join(prior, WEIGHTS), join(prior, 'diffusion_pytorch_model.bin'));
  expect(await refusal(openPrior(prior))).toBe(
    `prior: expected diffusion_pytorch_model.safetensors or model.safetensors, found config.json, diffusion_pytorch_model.bin`,
  );
  await rm(join(prior, 'config.json'));
  expect(await refusal(openPrior(prior))).toBe('prior/config.json: missing file');
  expect(await refusal(openPrior(join(root, 'nowhere')))).toBe('nowhere/config.json: missing file');
});

test('a config that is no JSON object is refused', async () => {
  await writeFile(join(prior, 'config.json'), '{"num_layers": 2,');
  expect(await refusal(openPrior(prior))).toMatch(/^prior\/config.json: not valid JSON: /);
  await writeFile(join(prior, 'config.json'), '[2]');
  expect(await refusal(openPrior(prior))).toBe('prior/config.json: expected a JSON object, found [2]');
});

test('a component of another class is refused', async () => {
  expect(await refusal(openUnet(prior))).toBe(
    'prior/config.json: expected class UNet2DConditionModel, found PriorTransformer',
  );
});

test.each([
  ['an unknown key', { shiny: 3 }, 'prior/config.json: shiny: expected no such key, found 3'],
  [
    'a value that is not implemented',
    { encoder_hid_proj_type: null },
    'prior/config.json: encoder_hid_proj_type: expected "linear", found null',
  ],
  [
    'an unknown activation',
    { time_embed_act_fn: 'prelu' },
    'prior/config.json: time_embed_act_fn: expected "silu" or "swish" or "mish" or "gelu" or "relu", found "prelu"',
  ],
  ['a value of another type', { num_layers: '2' }, 'prior/config.json: num_layers: expected number, found "2"'],
  [
    'a count of tokens without the query',
    { additional_embeddings: 3 },
    'prior/config.json: additional_embeddings: expected 4 where added_emb_type is "prd", found 3',
  ],
  ['a count of nothing', { num_layers: 0 }, 'prior/config.json: num_layers: expected more than 0, found 0'],
])('%s is refused by name', async (_, change, message) => {
  await edit(prior, (config) => Object.assign(config, change));
  expect(await refusal(openPrior(prior))).toBe(message);
});

test('what libraries note down for themselves is accepted', async () => {
  const notes = { _name_or_path: 'x', torch_dtype: 'float16', dropout: 0.1, _diffusers_version: '9' };
  await edit(prior, (config) => Object.assign(config, notes));
  await (await openPrior(prior)).close();
});

test.each([
  ['only_cross_attention', [true], 'unet/config.json: only_cross_attention: expected 2 entries, one for each of '],
  ['conv_in_kernel', 4, 'unet/config.json: conv_in_kernel: expected an odd number, found 4'],
  ['resnet_out_scale_factor', 0, 'unet/config.json: resnet_out_scale_factor: expected more than 0, found 0'],
])('%s = %j is refused', async (key, value, message) => {
  const unet = join(root, 'unet');
  await cp('test/golden/networks/unet-other-keys', unet, { recursive: true });
  await edit(unet, (config) => Object.assign(config, { [key]: value }));
  expect(await refusal(openUnet(unet))).toContain(message);
});

test('a key that takes one of two forms names both', async () => {
  const unet = join(root, 'unet');
  await cp('test/golden/networks/unet-kandinsky', unet, { recursive: true });
  await edit(unet, (config) => Object.assign(config, { layers_per_block: 'two' }));
  expect(await refusal(openUnet(unet))).toBe(
    'unet/config.json: layers_per_block: expected number or array, found "two"',
  );
});

test('weights of another shape, or missing, are named with both shapes and the file', async () => {
  await edit(prior, (config) => Object.assign(config, { num_embeddings: 60 }));
  expect(await refusal(openPrior(prior))).toBe(
    `prior/positional_embedding: expected (1, 64, 32), found (1, 81, 32) in prior/${WEIGHTS}`,
  );
  await edit(prior, (config) => Object.assign(config, { num_embeddings: 77, num_layers: 3 }));
  expect(await refusal(openPrior(prior))).toBe(
    `prior/transformer_blocks.2.norm1.weight: expected (32), found nothing of that name in ${WEIGHTS}`,
  );
});

test('weights that the network has no place for are refused: the config describes a smaller one', async () => {
  await edit(prior, (config) => Object.assign(config, { num_layers: 1 }));
  expect(await refusal(openPrior(prior))).toMatch(
    /^prior\/transformer_blocks\.1\.\S+: expected no such weight by prior\/config\.json, found \(.+\) in prior\/\w+\.safetensors$/,
  );
});

test('positions that older files count are no weights', async () => {
  const text = join(root, 'text_encoder');
  await cp('test/golden/networks/clip-text', text, { recursive: true });
  const weights = await readSafetensors(join(text, 'model.safetensors'));
  weights.set('text_model.embeddings.position_ids', {
    data: Float32Array.from({ length: 77 }, (_, i) => i),
    shape: [1, 77],
  });
  await writeSafetensors(join(text, 'model.safetensors'), weights);
  await (await openClipText(text)).close();
});

test('blocks that don’t fit together are refused', async () => {
  const unet = join(root, 'unet');
  await cp('test/golden/networks/unet-kandinsky', unet, { recursive: true });
  await edit(unet, (config) => Object.assign(config, { block_out_channels: [32, 64, 96] }));
  expect(await refusal(openUnet(unet))).toBe(
    'unet/config.json: down_block_types: expected 3 entries, one for each of block_out_channels, ' +
      'found ["ResnetDownsampleBlock2D","SimpleCrossAttnDownBlock2D"]',
  );
  await edit(unet, (config) => Object.assign(config, { block_out_channels: [32, 64], attention_head_dim: 24 }));
  expect(await refusal(openUnet(unet))).toMatch(/attention_head_dim: expected divisors of .*\(32, 64\), found 24/);
  await edit(unet, (config) => Object.assign(config, { attention_head_dim: 32, addition_embed_type: 'text' }));
  expect(await refusal(openUnet(unet))).toBe('unet/config.json: addition_embed_type: expected "image", found "text"');

  const movq = join(root, 'movq');
  await cp('test/golden/networks/movq-spatial', movq, { recursive: true });
  await edit(movq, (config) => Object.assign(config, { up_block_types: ['UpDecoderBlock2D'] }));
  expect(await refusal(openMovq(movq))).toMatch(/up_block_types: expected 2 entries/);
});

test('weights in shards, reached by links out of the folder, and in a variant of half precision run too', async () => {
  const tensors = [...(await readSafetensors(join(prior, WEIGHTS)))];
  await rm(join(prior, WEIGHTS));
  await mkdir(join(root, 'blobs'));
  const shards = {
    'diffusion_pytorch_model-00001-of-00002.safetensors': tensors.slice(0, 9),
    'diffusion_pytorch_model-00002-of-00002.safetensors': tensors.slice(9),
  };
  const weightMap: Record<string, string> = {};
  for (const [i, [name, part]] of Object.entries(shards).entries()) {
    await writeSafetensors(join(root, 'blobs', `hash${i}`), new Map(part));
    await symlink(join(root, 'blobs', `hash${i}`), join(prior, name));
    for (const [tensor] of part) weightMap[tensor] = name;
  }
  const index = join(prior, `${WEIGHTS}.index.json`);
  await writeFile(index, JSON.stringify({ metadata: {}, weight_map: weightMap }));

  const predicted = await predict(prior);
  expect(predicted).toBeAllClose(await predict('test/golden/networks/prior'), { atol: 1e-6 });

  await writeFile(index, '{"weight_map": 7}');
  expect(await refusal(openPrior(prior))).toBe(`prior/${WEIGHTS}.index.json: expected {"weight_map": {tensor: file}}`);
  await cp(`test/golden/networks/prior/${WEIGHTS}`, join(prior, 'diffusion_pytorch_model.fp16.safetensors'));
  await rm(index);
  expect(await predict(prior)).toBeAllClose(predicted, { atol: 1e-6 });
});

async function predict(dir: string) {
  const opened = await openPrior(dir, { threads: 1 });
  const ones = (...shape: number[]) => ({ data: new Float32Array(shape.reduce((a, b) => a * b)).fill(1), shape });
  try {
    const textMask = ones(1, 77);
    const memory = await opened.read({ textEmbedding: ones(1, 32), textHidden: ones(1, 77, 32), textMask });
    return await opened.predict({ sample: ones(1, 32), timestep: [500], textMask, ...memory });
  } finally {
    await opened.close();
  }
}
