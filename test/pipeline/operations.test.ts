import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodePicture } from '../../src/engine/images/decode-picture.ts';
import { encodePng, pictureFromTensor } from '../../src/engine/images/encode-picture.ts';
import type { Picture } from '../../src/engine/images/picture.ts';
import { tensorFromPicture } from '../../src/engine/images/picture-tensor.ts';
import { draw } from '../../src/engine/pipeline/draw.ts';
import { slerp } from '../../src/engine/pipeline/interpolation.ts';
import { invert } from '../../src/engine/pipeline/invert.ts';
import type { Model } from '../../src/engine/pipeline/model.ts';
import { openModel } from '../../src/engine/pipeline/open-model.ts';
import { type PictureFile, plan } from '../../src/engine/pipeline/plan.ts';
import { decodeFloats, decodeTensor } from '../../src/engine/pipeline/stored-tensor.ts';
import { textDiff } from '../../src/engine/pipeline/text-diff.ts';
import { TorchGenerator } from '../../src/engine/random/torch-generator.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import { tensor } from '../../src/engine/tensor.ts';
import { InputError } from '../../src/errors.ts';
import { pictureNames, type Recipe } from '../../src/recipe.ts';
import type { Task, TaskOf } from '../../src/task.ts';

const rms = (a: Tensor, b: Tensor) =>
  Math.sqrt(a.data.reduce((sum, value, i) => sum + (value - b.data[i]!) ** 2, 0) / a.data.length);

test('a text diff turns the embedding towards what the words differ in', () => {
  const vector = (...values: number[]) => tensor(Float32Array.from(values), [1, values.length]);
  const [image, to, from] = [vector(2, 0, 0), vector(5, 3, 1), vector(5, 0, 1)];
  expect(textDiff(image, to, from, 0)).toBeAllClose(image, { atol: 1e-6 });
  expect(textDiff(image, to, from, 1)).toBeAllClose(vector(0, 2, 0), { atol: 1e-6 });
  expect(textDiff(image, to, from, 0.5)).toBeAllClose(vector(Math.SQRT2, Math.SQRT2, 0), { atol: 1e-6 });
});

const opaque = (width: number, height: number, colour: (x: number, y: number) => readonly number[]): Picture => ({
  data: Uint8Array.from(
    Array.from({ length: width * height }, (_, i) => [...colour(i % width, Math.floor(i / width)), 255]).flat(),
  ),
  width,
  height,
});

const settings = { seed: 1, steps: 4, count: 1 };

describe.each([
  { folder: 'test/golden/kandinsky-tiny', size: 64, step: 64 },
  { folder: 'test/golden/karlo-tiny/model', size: 16, step: 4 },
])('$folder', { timeout: 60_000 }, ({ folder, size, step }) => {
  let model: Model;
  let source: PictureFile;
  let other: PictureFile;
  beforeAll(async () => {
    model = await openModel(folder, { threads: 1 });
    source = { name: 'source.png', bytes: await readFile('test/golden/karlo-tiny/source.png') };
    const gradient = opaque(20, 10, (x, y) => [12 * x, 25 * y, 100]);
    other = { name: 'other.png', bytes: await encodePng(gradient) };
  }, 60_000);
  afterAll(() => model.close());

  const drawn = async (task: Task<PictureFile>) => {
    const { recipes, reconstructed } = await plan(model, task);
    const { images } = await draw(model, recipes);
    return { recipes, images, reconstructed };
  };
  const modify = (changes: Partial<TaskOf<'modify', PictureFile>> = {}) =>
    drawn({
      kind: 'modify',
      pictures: [source],
      prompt: 'green heart',
      from: 'red heart',
      strengths: [0, 0.4],
      settings,
      ...changes,
    });

  test('a modification keeps the start and changes the embedding', async () => {
    const { recipes, images, reconstructed } = await modify();
    const [kept, changed] = recipes as [Recipe, Recipe];
    expect(changed.start).toEqual(kept.start);
    expect(changed.imageEmbedding).not.toBe(kept.imageEmbedding);
    expect(changed.modification).toEqual({ prompt: 'green heart', from: 'red heart', strength: 0.4 });
    expect(rms(images[0]!, images[1]!)).toBeGreaterThan(0.001);
    expect(reconstructed).toEqual([await decodePicture(source.bytes, source.name), undefined]);
  });

  test('a model that says so compares what its prior makes of the texts', async () => {
    const byPrior: Model = Object.create(model, { defaults: { value: { ...model.defaults, textDiff: 'prior' } } });
    const [prompt, from] = ['green heart', 'red heart'];
    const { recipes } = await plan(byPrior, {
      kind: 'modify',
      pictures: [source],
      prompt,
      from,
      strengths: [0.4],
      settings,
    });
    const made = async (text: string) =>
      (await model.embedText({ prompt: text }, new TorchGenerator(0))).imageEmbedding;
    const z = await model.embedPicture(await decodePicture(source.bytes, source.name));
    expect(decodeFloats(recipes[0]!.imageEmbedding!)).toBeAllClose(
      textDiff(z, await made(prompt), await made(from), 0.4).data,
      { atol: 1e-4 },
    );
  });

  test('a text that says nothing new is refused', async () => {
    await expect(modify({ from: 'green heart' })).rejects.toThrow(InputError);
  });

  test('variations with η start where the picture does, and differ by their seeds', async () => {
    const pictures: [PictureFile] = [source];
    const varied = await drawn({ kind: 'variations', pictures, settings: { ...settings, eta: 1, count: 2 } });
    const [a, b] = varied.recipes as [Recipe, Recipe];
    expect(a).toMatchObject({ sampler: 'ddim', eta: 1, guidanceScale: 1, start: b.start! });
    expect(rms(varied.images[0]!, varied.images[1]!)).toBeGreaterThan(0.001);
    expect(pictureNames(varied.recipes)).toEqual(['variations-eta-1-1.png', 'variations-eta-1-2.png']);
    const { recipes } = await plan(model, { kind: 'reconstruct', pictures, settings });
    expect(recipes).toHaveLength(1);
    expect(recipes[0]!.start).toEqual(a.start);
  });

  test('variations of a picture that was drawn here have its words, with η too', async () => {
    const [recipe] = (await plan(model, { kind: 'imagine', prompt: 'red heart', settings })).recipes;
    const drawnHere = {
      name: 'a.png',
      bytes: await encodePng(
        opaque(8, 8, () => [255, 0, 0]),
        recipe,
      ),
    };
    const names = async (eta?: number) => {
      const task: Task<PictureFile> = { kind: 'variations', pictures: [drawnHere], settings: { ...settings, eta } };
      return pictureNames((await plan(model, task)).recipes);
    };
    expect(await names()).toEqual(['red-heart-variations-1.png']);
    expect(await names(0.5)).toEqual(['red-heart-variations-eta-0.5-1.png']);
  });

  test('an interpolation goes from picture to picture, with the noise of both or one for all', async () => {
    const task = { kind: 'interpolate', pictures: [source, other, source], frames: 5, settings } as const;
    const path = await drawn({ ...task, pictures: [...task.pictures], noise: 'inverted' });
    expect(path.images).toHaveLength(5);
    expect(path.images[4]).toBeAllClose(path.images[0]!, { atol: 1e-3 });
    expect(path.reconstructed!.map((picture) => picture?.width)).toEqual([53, undefined, 20, undefined, 53]);
    const starts = path.recipes.map(({ start }) => decodeTensor(start!));
    expect(starts[1]).toBeAllClose(slerp(starts[0]!, starts[2]!, 0.5), { atol: 1e-5 });
    const fixed = await plan(model, { ...task, pictures: [...task.pictures], noise: 'fixed' });
    expect(fixed.recipes.every(({ start, seed }) => start === undefined && seed === 1)).toBe(true);
    expect(fixed.reconstructed).toBeUndefined();
  });

  test('a blend obeys its weights', async () => {
    const pictures = [source, other];
    const [all] = (await plan(model, { kind: 'blend', pictures, weights: [0, 1], settings })).recipes;
    expect(decodeFloats(all!.imageEmbedding!)).toBeAllClose(
      (await model.embedPicture(await decodePicture(other.bytes, other.name))).data,
      { atol: 1e-4 },
    );
  });

  test.each(['blend', 'variations'] as const)('%s: led away from a negative prompt', async (kind) => {
    const pictures = kind === 'blend' ? [source, other] : [source];
    const led = (negativePrompt?: string) => drawn({ kind, pictures, negativePrompt, settings } as Task<PictureFile>);
    const [freely, away] = [await led(), await led('ugly')];
    expect(away.recipes[0]!.imageEmbedding).toBe(freely.recipes[0]!.imageEmbedding);
    expect(rms(freely.images[0]!, away.images[0]!)).toBeGreaterThan(0.001);
  });

  test('variations with η are led away from a negative prompt where guidance is asked for', async () => {
    const led = (guidanceScale?: number) => {
      const asked = { ...settings, eta: 0.5, guidanceScale };
      return plan(model, { kind: 'variations', pictures: [source], negativePrompt: 'ugly', settings: asked });
    };
    expect((await led(2)).recipes[0]).toMatchObject({ negativePrompt: 'ugly', guidanceScale: 2 });
    await expect(led()).rejects.toThrow('a negative prompt needs guidance above 1');
  });

  test('img2img keeps the more of a picture the less strength it has, and changes its embedding in part', async () => {
    const task = { kind: 'img2img', pictures: [other] as [PictureFile], settings: { ...settings, steps: 20 } } as const;
    const latents = async (strength: number) => {
      const { recipes } = await plan(model, { ...task, strength, settings: { ...task.settings, sampler: 'ddim' } });
      const [{ origin, imageEmbedding, ...recipe }] = recipes as [Recipe];
      const sample = decodeTensor(origin!.latents);
      const embedding = { imageEmbedding: { data: decodeFloats(imageEmbedding!), shape: [1, model.embeddingWidth] } };
      const request = { ...recipe, start: undefined, kept: undefined, embedding, origin: { sample, strength } };
      return rms(await model.decode(request, new TorchGenerator(1)), sample);
    };
    expect(await latents(0.05)).toBeLessThan((await latents(0.5)) / 2);
    const words = { ...task, prompt: 'red heart', strength: 0.5 };
    const [fromText] = (await drawn(words)).recipes;
    expect(fromText).toMatchObject({ prompt: 'red heart', origin: { strength: 0.5 } });
    const partly = await drawn({ ...words, priorStrength: 0.5 });
    expect(partly.recipes[0]!.priorOrigin!.strength).toBe(0.5);
    await expect(plan(model, { ...task, strength: 0.5, priorStrength: 0.5 })).rejects.toThrow('prior strength is for');
  });

  test('inpainting keeps what the mask does not show, where the model can', async () => {
    const mask = {
      name: 'mask.png',
      bytes: await encodePng(opaque(8, 8, (x) => (x < 4 ? [255, 255, 255] : [0, 0, 0]))),
    };
    const task = { kind: 'inpaint', pictures: [other, mask], settings } as const;
    if (!folder.includes('kandinsky')) {
      await expect(drawn({ ...task, pictures: [...task.pictures] })).rejects.toThrow("can't inpaint");
      return;
    }
    const { recipes, images } = await drawn({ ...task, pictures: [...task.pictures] });
    const { data, shape } = decodeTensor(recipes[0]!.kept!.mask);
    expect(shape).toEqual([1, 1, 8, 8]);
    expect([...data.subarray(0, 8)]).toEqual([0, 0, 0, 0, 0, 1, 1, 1]);
    expect(images[0]!.data.every(Number.isFinite)).toBe(true);
    const source = tensorFromPicture(await decodePicture(other.bytes, other.name), 3, 64, 64).data;
    const difference = (x: number) =>
      Math.max(...images[0]!.data.map((value, i) => (i % 64 === x ? Math.abs(value - source[i]!) : 0)));
    // five latents are drawn, 40 pixels; the rest is as it was, and fades into them
    expect(Array.from({ length: 24 }, (_, x) => difference(40 + x))).toEqual(Array(24).fill(0));
    expect(difference(39)).toBeGreaterThan(0);
    expect(difference(39)).toBeLessThan(difference(34) / 2);
    const png = await encodePng(pictureFromTensor(images[0]!), recipes[0]);
    const again = await drawn({ kind: 'redraw', pictures: [{ name: 'a.png', bytes: png }], settings: {} });
    expect(again.images[0]).toBeAllClose(images[0]!, { atol: 1e-4 });
    await expect(plan(model, { ...task, pictures: [other] })).rejects.toThrow('other.png: a picture without a transp');
    const black = { name: 'black.png', bytes: await encodePng(opaque(8, 8, () => [0, 0, 0])) };
    await expect(plan(model, { ...task, pictures: [other, black] })).rejects.toThrow('the mask has no white part');
  });

  test('a picture is drawn again from the recipe in it, without its sources', async () => {
    const tasks: Task<PictureFile>[] = [
      { kind: 'modify', pictures: [source], prompt: 'a', from: 'b', strengths: [0.3], settings },
      { kind: 'img2img', pictures: [other], prompt: 'a', strength: 0.6, priorStrength: 0.5, settings },
      { kind: 'variations', pictures: [source], settings: { ...settings, eta: 0.5, width: 2 * size, height: size } },
      { kind: 'imagine', prompt: 'a', settings: { ...settings, sampler: 'ddim', eta: 1, guidanceRescale: 0.7 } },
    ];
    for (const task of tasks) {
      const { recipes, images } = await drawn(task);
      const png = await encodePng(pictureFromTensor(images[0]!), recipes[0]);
      const again = await drawn({ kind: 'redraw', pictures: [{ name: 'a.png', bytes: png }], settings: {} });
      expect(again.images[0]).toBeAllClose(images[0]!, { atol: 1e-4 });
    }
  });

  test('drawn again with a new seed, noise takes the place of the start', async () => {
    const { recipes, images } = await modify({ strengths: [0.4] });
    const bytes = await encodePng(pictureFromTensor(images[0]!), recipes[0]);
    const again = (seed?: number) =>
      plan(model, { kind: 'redraw', pictures: [{ name: 'a.png', bytes }], guidanceStep: 1, settings: { seed } });
    const [[rerun], [more]] = [(await again(9)).recipes, (await again()).recipes];
    expect(rerun).toMatchObject({ seed: 9, start: undefined, imageEmbedding: recipes[0]!.imageEmbedding });
    expect(more).toMatchObject({ seed: 1, start: recipes[0]!.start, guidanceScale: recipes[0]!.guidanceScale + 1 });
  });

  test('draws in other sizes, multiples of what the networks halve', async () => {
    const size = { width: 2 * model.pictureSize, height: model.pictureSize };
    const { images } = await drawn({ kind: 'imagine', prompt: 'a', settings: { ...settings, ...size } });
    expect(images[0]!.shape).toEqual([1, 3, size.height, size.width]);
    expect(model.sizeStep).toBe(step);
    const odd = {
      kind: 'imagine',
      prompt: 'a',
      settings: { ...settings, width: 2 * step + 2, height: 2 * step },
    } as const;
    await expect(drawn(odd)).rejects.toThrow(`width and height must be multiples of ${step} with`);
    const huge = { kind: 'imagine', prompt: 'a', settings: { ...settings, width: 2048, height: 2048 } } as const;
    await expect(drawn(huge)).rejects.toThrow('draws at most 4 times the pixels of its own');
  });

  test('dynamic thresholding is for pixels', async () => {
    const thresholded = { kind: 'imagine', prompt: 'a', settings: { ...settings, dynamicThresholding: 0.9 } } as const;
    if (folder.includes('kandinsky'))
      await expect(drawn(thresholded)).rejects.toThrow('is for models that draw pixels');
    else expect((await drawn(thresholded)).images[0]!.data.every(Number.isFinite)).toBe(true);
  });

  test('η is for ddim', async () => {
    const task = { kind: 'imagine', prompt: 'a', settings: { ...settings, sampler: 'euler', eta: 1 } } as const;
    await expect(drawn(task)).rejects.toThrow('eta is for the sampler ddim, not for euler');
  });
});

describe('the bundled model', { timeout: 60_000 }, () => {
  let model: Model;
  let heart: PictureFile;
  beforeAll(async () => {
    model = await openModel('models/emoji-v9', { threads: 1 });
    const { recipes } = await plan(model, { kind: 'imagine', prompt: 'red heart', settings: { seed: 5, count: 1 } });
    const { images } = await draw(model, recipes);
    heart = { name: 'heart.png', bytes: await encodePng(pictureFromTensor(images[0]!), recipes[0]) };
  }, 60_000);
  afterAll(() => model.close());

  test('finds the start that a picture is drawn from, the closer the more steps', async () => {
    const picture = await decodePicture(heart.bytes, heart.name);
    const embedding = { imageEmbedding: await model.embedPicture(picture) };
    const x0 = await model.encode(picture, { width: 128, height: 128 });
    const error = async (steps: number) => {
      const request = { steps, guidanceScale: 1, embedding };
      const start = await invert(model, x0, request);
      return rms(await model.decode({ ...request, sampler: 'ddim', start }, new TorchGenerator(1)), x0);
    };
    const [few, more, many] = [await error(4), await error(12), await error(40)];
    expect(more).toBeLessThan(few / 2);
    expect(many).toBeLessThan(more / 2);
    expect(many).toBeLessThan(0.15);
  });

  test('modifies a picture from what it was drawn from', async () => {
    const task = { kind: 'modify', pictures: [heart], prompt: 'green heart', strengths: [0.5], settings: { seed: 1 } };
    const { recipes } = await plan(model, task as Task<PictureFile>);
    expect(recipes[0]).toMatchObject({ modification: { from: 'red heart' }, steps: 50, guidanceScale: 2 });
    const { images } = await draw(model, recipes);
    const { data } = pictureFromTensor(images[0]!);
    const middle = data.subarray(4 * (64 * 128 + 64), 4 * (64 * 128 + 65));
    expect(middle[1]).toBeGreaterThan(1.5 * middle[0]!);
  });
});
