import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodePicture } from '../../src/engine/images/decode-picture.ts';
import { draw } from '../../src/engine/pipeline/draw.ts';
import { openModel } from '../../src/engine/pipeline/open-model.ts';
import { recipesFor } from '../../src/engine/pipeline/recipes.ts';
import { TorchGenerator } from '../../src/engine/random/torch-generator.ts';
import { rows } from '../../src/engine/tensor.ts';
import { readSafetensors, writeSafetensors } from '../../src/engine/weights/safetensors.ts';
import { InputError } from '../../src/errors.ts';

const KARLO = 'test/golden/karlo-tiny/model';
const NETWORKS = 'test/golden/networks';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'open-model-'));
});
afterAll(() => rm(root, { recursive: true }));

/**
 * A pipeline's folder with other components, by links.
 * @param components  folder for each that is another, undefined for one that is missing
 */
async function folderLike(golden: string, components: Record<string, string | undefined> = {}, index: object = {}) {
  const folder = await mkdtemp(join(root, 'model-'));
  for (const name of await readdir(golden)) {
    const source = name in components ? components[name] : join(golden, name);
    if (name !== 'model_index.json' && source) await symlink(resolve(source), join(folder, name));
  }
  const original = JSON.parse(await readFile(join(golden, 'model_index.json'), 'utf8'));
  await writeFile(join(folder, 'model_index.json'), JSON.stringify({ ...original, ...index }));
  return folder;
}

/** A copy of a component with another JSON file in it. */
async function edited(component: string, file: string, changes: object) {
  const copy = await mkdtemp(join(root, 'component-'));
  await cp(component, copy, { recursive: true });
  const json = JSON.parse(await readFile(join(copy, file), 'utf8'));
  await writeFile(join(copy, file), JSON.stringify({ ...json, ...changes }));
  return copy;
}

async function refusal(folder: string): Promise<string> {
  const error: unknown = await openModel(folder, { threads: 1 }).then(
    () => 'opened',
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).message;
}

describe('a folder', () => {
  test('may hold the folder of the pipeline, or a prior and a decoder', async () => {
    for (const [folder, name] of [
      ['test/golden/karlo-tiny', 'karlo-tiny'],
      ['test/golden/kandinsky-tiny', 'kandinsky-tiny'],
    ] as const) {
      const model = await openModel(folder);
      expect(model.name).toBe(name);
      await model.close();
    }
  });

  test('that is missing, empty, or holds half of a model', async () => {
    expect(await refusal(join(root, 'nowhere'))).toBe(`model folder ${join(root, 'nowhere')} does not exist`);
    expect(await refusal('package.json')).toBe(`${resolve('package.json')}: expected a model folder, found a file`);
    const empty = await mkdtemp(join(root, 'empty-'));
    expect(await refusal(empty)).toContain(`${empty}: expected a model_index.json in it, or folders with one`);
    expect(await refusal('test/golden/kandinsky-tiny/decoder-model')).toContain(
      'expected one folder with a prior (KandinskyV22PriorPipeline, KandinskyV22PriorEmb2EmbPipeline) in it, found none',
    );
    const two = await mkdtemp(join(root, 'two-'));
    for (const name of ['a', 'b']) await symlink(resolve(KARLO), join(two, name));
    expect(await refusal(two)).toBe(
      `${two}: expected one folder with a UnCLIPPipeline or UnCLIPImageVariationPipeline in it, found ` +
        `${join(two, 'a')}, ${join(two, 'b')}`,
    );
  });

  test('of another pipeline', async () => {
    const folder = await folderLike(KARLO, {}, { _class_name: 'StableDiffusionPipeline' });
    expect(await refusal(folder)).toMatch(
      /model_index\.json: _class_name: expected Kandinsky.* or UnCLIPPipeline or UnCLIPImageVariationPipeline, found StableDiffusionPipeline$/,
    );
  });

  test('with a component missing, not named, or of another class', async () => {
    const missing = await folderLike(KARLO, { super_res_last: undefined });
    expect(await refusal(missing)).toBe(
      `${join(missing, 'super_res_last')} is missing: ${join(missing, 'model_index.json')} names it`,
    );
    const unnamed = await folderLike(KARLO, {}, { text_proj: undefined });
    expect(await refusal(unnamed)).toContain('text_proj: expected [library, class], found nothing');
    const other = await folderLike(KARLO, {}, { text_encoder: ['transformers', 'T5EncoderModel'] });
    expect(await refusal(other)).toContain('text_encoder: expected CLIPTextModelWithProjection, found T5EncoderModel');
  });

  test('with a damaged model_index.json or unclip.json', async () => {
    const folder = await folderLike(KARLO);
    await writeFile(join(folder, 'unclip.json'), '{"steps": 0}');
    expect(await refusal(folder)).toMatch(/unclip\.json: .*steps/s);
    await writeFile(join(folder, 'model_index.json'), '{"_class_name":');
    expect(await refusal(folder)).toContain('model_index.json: expected JSON');
  });
});

test('configs may hold what Python writes for numbers that JSON lacks', async () => {
  const scheduler = await mkdtemp(join(root, 'scheduler-'));
  await writeFile(
    join(scheduler, 'scheduler_config.json'),
    '{"_class_name": "DPMSolverMultistepScheduler", "beta_schedule": "squaredcos_cap_v2", "lambda_min_clipped": -Infinity}',
  );
  const model = await openModel(await folderLike(KARLO, { decoder_scheduler: scheduler }));
  expect(model.sampler).toBe('dpmpp-2m');
  await model.close();
});

describe("components that don't fit", () => {
  test.each([
    ['decoder', 'karlo-decoder', 'decoder: cross_attention_dim: expected 24 to fit text_proj, found 6'],
    ['text_encoder', 'clip-text', 'text_encoder: vocab_size: expected 8190 to fit tokenizer, found 1000'],
  ])('%s', async (component, network, message) => {
    const folder = await folderLike(KARLO, { [component]: join(NETWORKS, network) });
    const drawing = openModel(folder, { threads: 1 }).then((model) =>
      draw(model, recipesFor(model, { operation: 'imagine', prompt: 'a' }, { seed: 1, steps: 1, count: 1 })),
    );
    await expect(drawing).rejects.toThrow(InputError);
    await expect(drawing).rejects.toThrow(`the parts don't fit together: ${message}`);
  });

  test('the U-Net of Kandinsky', async () => {
    const folder = await mkdtemp(join(root, 'kandinsky-'));
    await cp('test/golden/kandinsky-tiny/prior-model', join(folder, 'prior'), { recursive: true });
    await cp('test/golden/kandinsky-tiny/decoder-model', join(folder, 'decoder'), { recursive: true });
    const unet = join(folder, 'decoder/unet');
    const odd = await edited(unet, 'config.json', { sample_size: 9 });
    await cp(odd, unet, { recursive: true });
    expect(await refusal(folder)).toBe('unet: sample_size: expected a multiple of 2, found 9');
    await cp(join(NETWORKS, 'unet-other-blocks'), unet, { recursive: true });
    expect(await refusal(folder)).toBe(
      "the parts don't fit together: unet: encoder_hid_dim: expected 32 to fit prior, found 12",
    );
  });

  test('text encoder and prior', async () => {
    const narrow = await edited(`${KARLO}/text_encoder`, 'config.json', { projection_dim: 16 });
    const path = join(narrow, 'model.safetensors');
    const weights = await readSafetensors(path);
    weights.set('text_projection.weight', rows(weights.get('text_projection.weight')!, 0, 16));
    await writeSafetensors(path, weights);
    expect(await refusal(await folderLike(KARLO, { text_encoder: narrow }))).toBe(
      "the parts don't fit together: text_encoder: projection_dim: expected 32 to fit prior, found 16",
    );
  });

  test('tokenizer and prior, scheduler and network, sizes that cannot be halved', async () => {
    const short = await edited(`${KARLO}/tokenizer`, 'tokenizer_config.json', { model_max_length: 20 });
    expect(await refusal(await folderLike(KARLO, { tokenizer: short }))).toContain(
      'tokenizer: model_max_length: expected 77 to fit prior, found 20',
    );
    const learned = await edited(`${KARLO}/super_res_scheduler`, 'scheduler_config.json', {
      variance_type: 'learned_range',
    });
    expect(await refusal(await folderLike(KARLO, { super_res_scheduler: learned }))).toContain(
      'super_res_first: out_channels: expected 6 to fit super_res_scheduler, found 3',
    );
    const odd = await edited(`${KARLO}/decoder`, 'config.json', { sample_size: 9 });
    expect(await refusal(await folderLike(KARLO, { decoder: odd }))).toBe(
      'decoder: sample_size: expected a multiple of 2, found 9',
    );
  });

  test('the two networks of the upsampler', async () => {
    const larger = await edited(`${KARLO}/super_res_last`, 'config.json', { sample_size: 32 });
    expect(await refusal(await folderLike(KARLO, { super_res_last: larger }))).toContain(
      'super_res_last: sample_size: expected 16 to fit super_res_first, found 32',
    );
  });

  test('pictures that the image encoder cannot take', async () => {
    const large = await edited(`${KARLO}/feature_extractor`, 'preprocessor_config.json', { crop_size: 64 });
    expect(await refusal(await folderLike(KARLO, { feature_extractor: large }))).toContain(
      'image_encoder: image_size: expected 64 to fit preprocessor_config.json, found 32',
    );
  });
});

test('a weight that is no number is named when the network is used', async () => {
  const broken = await edited(`${KARLO}/decoder`, 'config.json', {});
  const path = join(broken, 'diffusion_pytorch_model.safetensors');
  const weights = await readSafetensors(path);
  weights.get('conv_in.weight')!.data[7] = Number.NaN;
  await writeSafetensors(path, weights);
  const folder = await mkdtemp(join(root, 'model-'));
  await cp(KARLO, folder, { recursive: true });
  await cp(path, join(folder, 'decoder/diffusion_pytorch_model.safetensors'));
  const model = await openModel(folder, { threads: 1 });
  const recipes = recipesFor(model, { operation: 'imagine', prompt: 'a' }, { seed: 1, count: 1 });
  const drawing = draw(model, recipes);
  await expect(drawing).rejects.toThrow(InputError);
  await expect(drawing).rejects.toThrow('decoder/conv_in.weight: expected finite numbers, found NaN');
  await model.close();
});

describe('a model', () => {
  const source = async () => decodePicture(await readFile('test/golden/karlo-tiny/source.png'), 'source.png');

  test('for image variations has no prior: it draws from pictures alone', async () => {
    const index = { _class_name: 'UnCLIPImageVariationPipeline', prior: undefined, prior_scheduler: undefined };
    const model = await openModel(await folderLike(KARLO, {}, index));
    const imageEmbedding = await model.embedPicture(await source());
    const recipes = recipesFor(model, { operation: 'variations', imageEmbedding }, { seed: 1, steps: 1, count: 1 });
    expect((await draw(model, recipes)).images[0]!.shape).toEqual([1, 3, 16, 16]);
    await expect(model.embedText({ prompt: 'a' }, new TorchGenerator(1))).rejects.toThrow(
      new InputError('this model has no prior: it draws variations of pictures, not from texts'),
    );
    await model.close();
  });

  test('without an image encoder draws from texts alone', async () => {
    const index = { image_encoder: [null, null], feature_extractor: [null, null] };
    const model = await openModel(await folderLike(KARLO, {}, index));
    const recipes = recipesFor(model, { operation: 'imagine', prompt: 'a' }, { seed: 1, steps: 1, count: 1 });
    expect((await draw(model, recipes)).images[0]!.shape).toEqual([1, 3, 16, 16]);
    await expect((async () => model.embedPicture(await source()))()).rejects.toThrow(
      new InputError('this model has no image_encoder: it draws from texts, not from pictures'),
    );
    await model.close();
  });

  test('may come with its own settings for those who name none', async () => {
    const folder = await folderLike(KARLO);
    const defaults = { steps: 2, guidanceScale: 3, priorSteps: 1, priorGuidanceScale: 2, upsamplerSteps: 2 };
    await writeFile(join(folder, 'unclip.json'), JSON.stringify(defaults));
    const model = await openModel(folder);
    expect(model).toMatchObject({ defaults, upsamplerSteps: 2 });
    await model.close();
  });
});
