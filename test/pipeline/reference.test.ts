import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodePicture } from '../../src/engine/images/decode-picture.ts';
import { latentMask } from '../../src/engine/pipeline/inpaint.ts';
import type { DecodeRequest, Model } from '../../src/engine/pipeline/model.ts';
import { openModel } from '../../src/engine/pipeline/open-model.ts';
import { TorchGenerator } from '../../src/engine/random/torch-generator.ts';
import { rows, type Tensor, tensor } from '../../src/engine/tensor.ts';
import { readSafetensors } from '../../src/engine/weights/safetensors.ts';

// The operations as they are asked for, beside what diffusers draws: img2img, inpainting, and a prior that changes an
// embedding. Every step of them is compared by `verify`.
const GOLDEN = 'test/golden/kandinsky-tiny';
const SIZE = { width: 64, height: 64 };

let folder: string;
let model: Model;
let forInpainting: Model;
let expected: (name: string) => Tensor;
const picture = async (name: string) => decodePicture(await readFile(join(GOLDEN, name)), name);
const toUnitRange = ({ data, shape }: Tensor) =>
  tensor(
    data.map((value) => Math.min(Math.max((value + 1) / 2, 0), 1)),
    shape,
  );

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'unclip-reference-'));
  await cp(GOLDEN, join(folder, 'usual'), { recursive: true });
  await cp(GOLDEN, join(folder, 'inpainting'), { recursive: true });
  const defaults = { steps: 5, guidanceScale: 4, priorSteps: 6, priorGuidanceScale: 4 };
  await writeFile(join(folder, 'usual', 'unclip.json'), JSON.stringify(defaults));
  await cp(join(GOLDEN, 'inpaint-unet'), join(folder, 'inpainting', 'decoder-model', 'unet'), { recursive: true });
  model = await openModel(join(folder, 'usual'), { threads: 1 });
  forInpainting = await openModel(join(folder, 'inpainting'), { threads: 1 });
  const tensors = await readSafetensors(join(GOLDEN, 'expected.safetensors'));
  expected = (name) => tensors.get(name)!;
}, 60_000);
afterAll(async () => {
  await model.close();
  await forInpainting.close();
  await rm(folder, { recursive: true });
});

async function drawn(opened: Model, seed: number, request: Partial<DecodeRequest> & { steps: number }) {
  const embedding = {
    imageEmbedding: rows(expected('prior.image_embeds'), 0, 1),
    negativeEmbedding: rows(expected('prior.negative_image_embeds'), 0, 1),
  };
  const generator = new TorchGenerator(seed);
  const usual = { sampler: opened.sampler, guidanceScale: 3, embedding, ...SIZE };
  return toUnitRange(await opened.finish(await opened.decode({ ...usual, ...request }, generator), generator));
}

test('img2img', async () => {
  const origin = { sample: await model.encode(await picture('b.png'), SIZE), strength: 0.4 };
  expect(await drawn(model, 9, { steps: 10, origin })).toBeAllClose(expected('img2img.image'), { atol: 1e-3 });
});

test('inpainting', async () => {
  const latents = await forInpainting.encode(await picture('b.png'), SIZE);
  const kept = { latents, mask: latentMask(expected('inpaint.mask'), 8, 8) };
  const image = await drawn(forInpainting, 10, { steps: 4, kept });
  expect(image).toBeAllClose(expected('inpaint.image'), { atol: 1e-3 });
});

test('a prior that changes an embedding', async () => {
  const origin = { sample: await model.embedPicture(await picture('a.png')), strength: 0.5 };
  const { imageEmbedding } = await model.embedText({ prompt: 'red heart', origin }, new TorchGenerator(12));
  expect(imageEmbedding).toBeAllClose(expected('emb2emb.image_embeds'), { atol: 1e-3 });
});
