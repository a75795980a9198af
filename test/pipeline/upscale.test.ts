import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodePicture } from '../../src/engine/images/decode-picture.ts';
import { encodePng, pictureFromTensor, readRecipe } from '../../src/engine/images/encode-picture.ts';
import { inspectModel } from '../../src/engine/models/inspect.ts';
import { draw } from '../../src/engine/pipeline/draw.ts';
import type { Model } from '../../src/engine/pipeline/model.ts';
import { openModel } from '../../src/engine/pipeline/open-model.ts';
import { type PictureFile, plan } from '../../src/engine/pipeline/plan.ts';
import { recipesFor } from '../../src/engine/pipeline/recipes.ts';
import { enlarge, upscale } from '../../src/engine/pipeline/upscale.ts';
import { TorchGenerator } from '../../src/engine/random/torch-generator.ts';
import { drawTask } from '../../src/engine/service/draw-task.ts';
import type { InferenceProgress } from '../../src/engine/service/inference-messages.ts';
import { tensor } from '../../src/engine/tensor.ts';
import type { Recipe } from '../../src/recipe.ts';
import { writeRandomUpsampler } from './random-upsampler.ts';

const TINY = 'test/golden/kandinsky-tiny';
const HEART = { operation: 'imagine', prompt: 'red heart' } as const;

describe('a picture', () => {
  const small = tensor(
    Float32Array.from({ length: 4 * 64 }, (_, i) => Math.sin(i / 3) * 1.3),
    [1, 4, 8, 8],
  );

  test('gets the detail that the network predicts, and nothing else where that is none', async () => {
    const generator = () => new TorchGenerator(1);
    const none = await upscale(async ({ data }) => tensor(new Float32Array(data.length / 2), [1, 4, 32, 32]), small, {
      generator: generator(),
    });
    expect(none).toBeAllClose(enlarge(small), { atol: 1e-6 });
    const some = await upscale(
      async ({ data }) => tensor(new Float32Array(data.length / 2).fill(1), [1, 4, 32, 32]),
      small,
      {
        generator: generator(),
      },
    );
    expect(some.data.map((value, i) => value - none.data[i]!)).toBeAllClose(new Float32Array(4096).fill(0.25), {
      atol: 1e-5,
    });
  });

  test('is seen by the network beside the noised detail, clipped, at falling timesteps', async () => {
    const timesteps: number[] = [];
    await upscale(
      async ({ data, shape }, t) => {
        timesteps.push(t);
        expect(shape).toEqual([1, 8, 32, 32]);
        expect(data.slice(4096)).toEqual(enlarge(small).data);
        return tensor(new Float32Array(4096), [1, 4, 32, 32]);
      },
      small,
      { generator: new TorchGenerator(1) },
    );
    expect(timesteps).toEqual([999, 666, 332]);
  });
});

describe('a model with an upsampler', { timeout: 60_000 }, () => {
  let dir: string;
  let model: Model;
  let file: PictureFile;
  let recipe: Recipe;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'unclip-upscale-'));
    await cp(TINY, dir, { recursive: true });
    await writeRandomUpsampler(join(dir, 'prior-model', 'upsampler'));
    model = await openModel(dir, { threads: 1 });
    [recipe] = recipesFor(model, HEART, { seed: 3, steps: 2, count: 1 }) as [Recipe];
    file = await fileOf(recipe);
  }, 60_000);
  afterAll(async () => {
    await model.close();
    await rm(dir, { recursive: true });
  });

  async function fileOf(recipe: Recipe): Promise<PictureFile> {
    const { images } = await draw(model, [recipe]);
    return { name: 'heart.png', bytes: await encodePng(pictureFromTensor(images[0]!), recipe) };
  }

  test('makes a drawn picture 4 times as large; its recipe makes the same again', async () => {
    const shown: InferenceProgress[] = [];
    const [drawn] = await drawTask(
      model,
      { kind: 'upscale', pictures: [file] },
      { signal: new AbortController().signal, onProgress: (progress) => shown.push(progress) },
    );
    expect(shown).toEqual([1, 2, 3].map((step) => ({ step, steps: 3 })));
    expect(drawn).toMatchObject({ canGrow: false });
    expect(drawn!.recipe).toEqual({ ...recipe, upscaled: true });
    expect(await decodePicture(drawn!.data, 'upscaled')).toMatchObject({ width: 256, height: 256 });

    const again = await fileOf(readRecipe(drawn!.data, 'upscaled')!);
    expect(again.bytes).toEqual(drawn!.data);
  });

  test('counts its steps behind those of the decoder when a picture is drawn anew', async () => {
    const steps: string[] = [];
    await draw(model, [{ ...recipe, upscaled: true }], {
      onStep: ({ stage, step, steps: all }) => stage === 'decoder' && steps.push(`${step}/${all}`),
    });
    expect(steps).toEqual(['1/5', '2/5', '3/5', '4/5', '5/5']);
    const { upscaler: _, ...without } = model;
    await expect(draw(without, [{ ...recipe, upscaled: true }])).rejects.toThrow('has no upsampler');
  });

  test('says so when it is inspected, and offers it for what it draws', async () => {
    const { can, components } = await inspectModel(dir);
    expect(can?.upscaleSteps).toBe(3);
    expect(components.find(({ class: name }) => name === 'UNet2DModel')).toMatchObject({
      name: join('prior-model', 'upsampler'),
      does: 'small picture → 256 × 256',
      problem: null,
    });
    const settings = { seed: 1, steps: 1, count: 1 };
    const hooks = { signal: new AbortController().signal, onProgress: () => {} };
    const drawn = await drawTask(model, { kind: 'imagine', prompt: 'heart', settings }, hooks);
    expect(drawn).toMatchObject([{ canGrow: true }]);
  });

  test('refuses what it cannot make larger, and why', async () => {
    const refusal = (bytes: Uint8Array, by = model) =>
      plan(by, { kind: 'upscale', pictures: [{ name: 'a.png', bytes }] }).then(
        () => undefined,
        ({ message }) => message,
      );
    const picture = await decodePicture(file.bytes, 'heart');
    expect(await refusal(await encodePng(picture))).toMatch(/^a\.png holds no recipe: only pictures drawn here/);
    expect(await refusal(await encodePng(picture, { ...recipe, upscaled: true }))).toBe(
      'a.png was made larger already',
    );
    expect(await refusal(await encodePng(picture, { ...recipe, model: 'other' }))).toMatch(
      /drawn by the model other, and now/,
    );
    const large = { width: 129, height: 2, data: new Uint8Array(129 * 2 * 4) };
    expect(await refusal(await encodePng(large, recipe))).toBe(
      'pictures up to 128 × 128 can be made larger, not 129 × 2',
    );
    const { upscaler: _, ...without } = model;
    expect(await refusal(file.bytes, without)).toMatch(
      /has no upsampler: one can be trained for it with npm run train/,
    );
  });
});
