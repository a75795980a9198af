import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodePicture } from '../../src/engine/images/decode-picture.ts';
import { encodePng, pictureFromTensor } from '../../src/engine/images/encode-picture.ts';
import { draw, type Progress } from '../../src/engine/pipeline/draw.ts';
import type { Model } from '../../src/engine/pipeline/model.ts';
import { openModel } from '../../src/engine/pipeline/open-model.ts';
import { recipesFor } from '../../src/engine/pipeline/recipes.ts';
import { TorchGenerator } from '../../src/engine/random/torch-generator.ts';
import type { Settings } from '../../src/recipe.ts';

const settings = { seed: 3, steps: 3, count: 1 };
const heart = { operation: 'imagine', prompt: 'red heart' } as const;

describe.each([
  { folder: 'test/golden/karlo-tiny/model', name: 'model', size: 16, sampler: 'unclip', upsamplerSteps: 7 },
  { folder: 'test/golden/kandinsky-tiny', name: 'kandinsky-tiny', size: 64, sampler: 'ddpm', upsamplerSteps: 0 },
])('$folder', ({ folder, name, size, sampler, upsamplerSteps }) => {
  let model: Model;
  beforeAll(async () => {
    model = await openModel(folder, { threads: 1 });
  });
  afterAll(() => model.close());

  const picture = async () => decodePicture(await readFile('test/golden/karlo-tiny/source.png'), 'source.png');
  const drawOne = async (changes: Partial<Settings & { prompt: string; negativePrompt: string }> = {}) => {
    const { prompt, negativePrompt, ...others } = changes;
    const subject = { ...heart, ...(prompt && { prompt }), negativePrompt };
    const { images } = await draw(model, recipesFor(model, subject, { ...settings, ...others }));
    return images[0]!;
  };

  test('says what it is and draws opaque pictures of its size', async () => {
    expect(model).toMatchObject({ name, sampler, upsamplerSteps, pictureSize: size, priors: ['diffusion', 'none'] });
    const image = await drawOne();
    expect(image.shape).toEqual([1, 3, size, size]);
    const png = await encodePng(pictureFromTensor(image));
    expect(await decodePicture(png, 'drawn.png')).toMatchObject({ width: size, height: size });
  });

  test('a recipe gives the same picture alone and beside others that are drawn differently', async () => {
    const alone = await drawOne();
    const recipes = [
      ...recipesFor(model, heart, { ...settings, seed: 2, count: 2 }),
      ...recipesFor(model, { ...heart, prompt: 'a cat' }, { ...settings, guidanceScale: 1, steps: 5 }),
      ...recipesFor(model, { ...heart, negativePrompt: 'ugly' }, { ...settings, sampler: 'heun' }),
    ];
    const { images } = await draw(model, recipes);
    expect(images[1]!).toBeAllClose(alone, { atol: 1e-3 });
  });

  test.each([
    { seed: 4 },
    { prompt: 'blue star' },
    { negativePrompt: 'ugly' },
    { guidanceScale: 1 },
    { priorGuidanceScale: 1 },
    { prior: 'none' as const },
    { priorSamples: 3 },
    { steps: 4 },
    { sampler: 'ddim' as const },
  ])('%j makes another picture', async (change) => {
    const [usual, changed] = [await drawOne(), await drawOne(change)];
    expect(usual.data.some((value, i) => Math.abs(value - changed.data[i]!) > 0.01)).toBe(true);
  });

  test('draws variations of a picture, with a text or without', async () => {
    const imageEmbedding = await model.embedPicture(await picture());
    expect(imageEmbedding.shape).toEqual([1, model.embeddingWidth]);
    const subject = { operation: 'variations', imageEmbedding } as const;
    const [recipe] = recipesFor(model, subject, settings);
    const [described] = recipesFor(model, { ...subject, prompt: 'red heart' }, settings);
    const { images } = await draw(model, [recipe!, described!]);
    const same = images[0]!.data.every((value, i) => Math.abs(value - images[1]!.data[i]!) < 1e-3);
    // Karlo's decoder sees the text beside the embedding, Kandinsky's does not.
    expect(same).toBe(upsamplerSteps === 0);
  });

  test('the prior draws an embedding for a text, led away from another one', async () => {
    const drawn = await model.embedText({ prompt: 'red heart' }, new TorchGenerator(3));
    const other = await model.embedText({ prompt: 'red heart', negativePrompt: 'ugly' }, new TorchGenerator(3));
    expect(drawn.imageEmbedding.shape).toEqual([1, model.embeddingWidth]);
    expect(other.imageEmbedding.data).not.toEqual(drawn.imageEmbedding.data);
  });

  test('reports each step to the end, and shows the picture so far', async () => {
    const steps: Progress[] = [];
    const recipes = recipesFor(model, heart, { ...settings, count: 2 });
    const { images } = await draw(model, recipes, { onStep: (step) => steps.push(step) });
    for (const i of [0, 1]) {
      const mine = steps.filter(({ picture }) => picture === i);
      const numbers = (stage: string) => mine.filter((step) => step.stage === stage).map(({ step }) => step);
      expect(numbers('prior')).toEqual(Array.from({ length: 25 }, (_, step) => step + 1));
      expect(numbers('decoder')).toEqual(Array.from({ length: 3 + upsamplerSteps }, (_, step) => step + 1));
      expect(mine.filter(({ stage }) => stage === 'decoder').every((step) => step.steps === 3 + upsamplerSteps)).toBe(
        true,
      );
      const preview = await model.preview(mine.at(-1)!.x0!);
      expect(preview).toBeAllClose(images[i]!, { atol: 1e-3 });
    }
  });

  test('stops when it is told to', async () => {
    const controller = new AbortController();
    let evaluations = 0;
    const onStep = () => {
      if (++evaluations === 27) controller.abort(new Error('enough'));
    };
    const drawing = draw(model, recipesFor(model, heart, settings), { signal: controller.signal, onStep });
    await expect(drawing).rejects.toThrow('enough');
    expect(evaluations).toBe(27);
  });

  test('refuses what it cannot follow', async () => {
    const [recipe] = recipesFor(model, heart, settings);
    const refused = (change: object) => expect(draw(model, [{ ...recipe!, ...change }])).rejects;
    await refused({ steps: 1001 }).toThrow(
      /scheduler_config\.json: steps must be a whole number from 1 to 1000, not 1001/,
    );
    await refused({ imageEmbedding: 'AAAAAA==' }).toThrow('imageEmbedding: expected 32 numbers, found 1');
    await refused({ prompt: undefined }).toThrow('recipe: expected a prompt or an imageEmbedding, found neither');
  });

  test('says which part of a text is too long for it', () => {
    expect(model.overflow('red heart')).toBeUndefined();
    expect(model.overflow('heart '.repeat(100))).toMatch(/^heart heart/);
  });
});
