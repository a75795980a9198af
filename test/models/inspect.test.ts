import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inspectModel } from '../../src/engine/models/inspect.ts';
import { readSafetensors, writeSafetensors } from '../../src/engine/weights/safetensors.ts';

const KARLO = 'test/golden/karlo-tiny/model';
const KANDINSKY = 'test/golden/kandinsky-tiny';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'inspect-'));
});
afterAll(() => rm(root, { recursive: true }));

async function copyOf(model: string, index: object = {}) {
  const folder = await mkdtemp(join(root, 'model-'));
  await cp(model, folder, { recursive: true });
  const file = join(folder, 'model_index.json');
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...index }));
  return folder;
}

/** [name, class, parameters, precision] of each component that has weights. */
const networks = ({ components }: Awaited<ReturnType<typeof inspectModel>>) =>
  components.filter(({ bytes }) => bytes !== null).map((c) => [c.name, c.class, c.parameters, c.precision]);

test('Karlo: every component, counted as torch counts', async () => {
  const report = await inspectModel(KARLO);
  expect(report).toMatchObject({ name: 'model', pipelines: ['UnCLIPPipeline'], problem: null });
  expect(networks(report)).toEqual([
    ['decoder', 'UNet2DConditionModel', 841_158, 'float16'],
    ['prior', 'PriorTransformer', 34_496, 'float16'],
    ['super_res_first', 'UNet2DModel', 695_235, 'float16'],
    ['super_res_last', 'UNet2DModel', 695_235, 'float16'],
    ['text_encoder', 'CLIPTextModelWithProjection', 282_720, 'float16'],
    ['text_proj', 'UnCLIPTextProjModel', 12_488, 'float16'],
    ['image_encoder', 'CLIPVisionModelWithProjection', 24_960, 'float16'],
  ]);
  expect(report.components.map(({ name }) => name)).toContain('super_res_scheduler');
  expect(report.can).toMatchObject({ priors: ['diffusion', 'none'], size: 16, upsamplerSteps: 7 });
  expect(report.can?.samplers[0]).toBe('unclip');
});

test('Karlo for image variations draws from pictures alone', async () => {
  const without = { _class_name: 'UnCLIPImageVariationPipeline', prior: undefined, prior_scheduler: undefined };
  const { can } = await inspectModel(await copyOf(KARLO, without));
  expect(can?.priors).toEqual([]);
  expect(can?.operations).toContain('variations');
  expect(can?.operations).not.toContain('imagine');
});

test('Karlo without an image encoder draws from texts alone', async () => {
  const without = { image_encoder: [null, null], feature_extractor: [null, null] };
  const { can, components } = await inspectModel(await copyOf(KARLO, without));
  expect(can?.operations).toEqual(['imagine']);
  expect(components.map(({ name }) => name)).not.toContain('image_encoder');
});

/** The layouts of Kandinsky 2.2, of the same parts. */
async function kandinskyFolder(layout: 'separate' | 'combined', unet = `${KANDINSKY}/decoder-model/unet`) {
  const folder = await mkdtemp(join(root, `${layout}-`));
  if (layout === 'separate') {
    await cp(`${KANDINSKY}/prior-model`, join(folder, 'prior'), { recursive: true });
    await cp(`${KANDINSKY}/decoder-model`, join(folder, 'decoder'), { recursive: true });
    await cp(unet, join(folder, 'decoder/unet'), { recursive: true });
    return folder;
  }
  const index: Record<string, unknown> = { _class_name: 'KandinskyV22CombinedPipeline' };
  for (const [part, prefix] of [
    ['prior-model', 'prior_'],
    ['decoder-model', ''],
  ] as const) {
    const parts = JSON.parse(await readFile(`${KANDINSKY}/${part}/model_index.json`, 'utf8'));
    for (const name of Object.keys(parts).filter((key) => !key.startsWith('_'))) {
      index[prefix + name] = parts[name];
      await symlink(resolve(`${KANDINSKY}/${part}/${name}`), join(folder, prefix + name));
    }
  }
  await writeFile(join(folder, 'model_index.json'), JSON.stringify(index));
  return folder;
}

describe('Kandinsky 2.2', () => {
  test('in two folders and in one', async () => {
    const separate = await inspectModel(await kandinskyFolder('separate'));
    const combined = await inspectModel(await kandinskyFolder('combined'));
    expect(networks(separate)).toContainEqual(['decoder/unet', 'UNet2DConditionModel', 871_896, 'float16']);
    expect(networks(combined)).toContainEqual(['unet', 'UNet2DConditionModel', 871_896, 'float16']);
    expect(networks(separate)).toContainEqual(['prior/prior', 'PriorTransformer', 33_056, 'float16']);
    expect(networks(combined)).toContainEqual(['prior_prior', 'PriorTransformer', 33_056, 'float16']);
    expect(combined.can).toEqual(separate.can);
    expect(combined.can).toMatchObject({ size: 64, upsamplerSteps: 0, inpaintingDecoder: false });
  });

  test('for inpainting', async () => {
    const { can, components } = await inspectModel(await kandinskyFolder('separate', `${KANDINSKY}/inpaint-unet`));
    expect(can?.inpaintingDecoder).toBe(true);
    expect(components.find(({ name }) => name === 'decoder/unet')?.does).toContain('9 channels');
  });

  test('half of it: what is there is listed, and what is missing is said', async () => {
    const report = await inspectModel(`${KANDINSKY}/decoder-model`);
    expect(networks(report)).toHaveLength(2);
    expect(report.can).toBeNull();
    expect(report.problem).toContain('expected one folder with a prior');
  });
});

test('a component that is broken is named, the others are listed all the same', async () => {
  const folder = await copyOf(KARLO);
  const file = join(folder, 'text_proj/diffusion_pytorch_model.safetensors');
  const weights = await readSafetensors(file);
  weights.delete('embedding_proj.bias');
  await writeSafetensors(file, weights);
  const report = await inspectModel(folder);
  const broken = report.components.filter(({ problem }) => problem !== null);
  expect(broken.map(({ name }) => name)).toEqual(['text_proj']);
  expect(broken[0]?.problem).toBe(
    'text_proj/embedding_proj.bias: expected (128), found nothing of that name in diffusion_pytorch_model.safetensors',
  );
  expect(report.problem).toBe(broken[0]?.problem);
});
