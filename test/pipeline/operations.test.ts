import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodePicture } from '../../src/engine/images/decode-picture.ts';
import { encodePng, pictureFromTensor } from '../../src/engine/images/encode-picture.ts';
import { draw } from '../../src/engine/pipeline/draw.ts';
import { invert } from '../../src/engine/pipeline/invert.ts';
import type { Model } from '../../src/engine/pipeline/model.ts';
import { openModel } from '../../src/engine/pipeline/open-model.ts';
import { type PictureFile, plan } from '../../src/engine/pipeline/plan.ts';
import { textDiff } from '../../src/engine/pipeline/text-diff.ts';
import { TorchGenerator } from '../../src/engine/random/torch-generator.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import { tensor } from '../../src/engine/tensor.ts';
import { InputError } from '../../src/errors.ts';
import type { Recipe } from '../../src/recipe.ts';
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

describe.each(['test/golden/kandinsky-tiny', 'test/golden/karlo-tiny/model'])('%s', { timeout: 60_000 }, (folder) => {
  let model: Model;
  let source: PictureFile;
  beforeAll(async () => {
    model = await openModel(folder, { threads: 1 });
    source = { name: 'source.png', bytes: await readFile('test/golden/karlo-tiny/source.png') };
  });
  afterAll(() => model.close());

  const drawn = async (task: Task<PictureFile>) => {
    const recipes = await plan(model, task);
    const { images } = await draw(model, recipes);
    return { recipes, images };
  };
  const modify = (changes: Partial<TaskOf<'modify', PictureFile>> = {}) =>
    drawn({
      kind: 'modify',
      pictures: [source],
      prompt: 'green heart',
      from: 'red heart',
      strengths: [0, 0.4],
      settings: { seed: 1, steps: 5 },
      ...changes,
    });

  test('a modification keeps the start and changes the embedding', async () => {
    const { recipes, images } = await modify();
    const [kept, changed] = recipes as [Recipe, Recipe];
    expect(changed.start).toEqual(kept.start);
    expect(changed.imageEmbedding).not.toBe(kept.imageEmbedding);
    expect(changed.modification).toEqual({ prompt: 'green heart', from: 'red heart', strength: 0.4 });
    expect(rms(images[0]!, images[1]!)).toBeGreaterThan(0.001);
  });

  test('a picture is drawn again from the recipe in it, alone', async () => {
    const { recipes, images } = await modify();
    const png = await encodePng(pictureFromTensor(images[1]!), recipes[1]);
    const again = await drawn({ kind: 'redraw', pictures: [{ name: 'a.png', bytes: png }], settings: {} });
    expect(again.images[0]).toBeAllClose(images[1]!, { atol: 1e-4 });
  });

  test('a text that says nothing new is refused', async () => {
    await expect(modify({ from: 'green heart' })).rejects.toThrow(InputError);
  });
});

describe('the bundled model', { timeout: 60_000 }, () => {
  let model: Model;
  let heart: PictureFile;
  beforeAll(async () => {
    model = await openModel('models/emoji-v0', { threads: 1 });
    const recipes = await plan(model, { kind: 'imagine', prompt: 'red heart', settings: { seed: 5, count: 1 } });
    const { images } = await draw(model, recipes);
    heart = { name: 'heart.png', bytes: await encodePng(pictureFromTensor(images[0]!), recipes[0]) };
  });
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
    const recipes = await plan(model, task as Task<PictureFile>);
    expect(recipes[0]).toMatchObject({ modification: { from: 'red heart' }, steps: 50, guidanceScale: 1 });
    const { images } = await draw(model, recipes);
    const { data } = pictureFromTensor(images[0]!);
    const middle = data.subarray(4 * (64 * 128 + 64), 4 * (64 * 128 + 65));
    expect(middle[1]).toBeGreaterThan(1.5 * middle[0]!);
  });
});
