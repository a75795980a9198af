import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodePicture } from '../../src/engine/images/decode-picture.ts';
import { arPrior } from '../../src/engine/networks/ar-prior.ts';
import { codesOf } from '../../src/engine/pca/codes.ts';
import { whiten } from '../../src/engine/pca/components.ts';
import { draw } from '../../src/engine/pipeline/draw.ts';
import { type Kandinsky, openKandinsky } from '../../src/engine/pipeline/kandinsky.ts';
import type { Model } from '../../src/engine/pipeline/model.ts';
import { openModel } from '../../src/engine/pipeline/open-model.ts';
import { type PictureFile, plan } from '../../src/engine/pipeline/plan.ts';
import { recipesFor } from '../../src/engine/pipeline/recipes.ts';
import { sampleArPrior } from '../../src/engine/pipeline/sample-ar-prior.ts';
import { decodeFloats } from '../../src/engine/pipeline/stored-tensor.ts';
import { TorchGenerator } from '../../src/engine/random/torch-generator.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import { InputError } from '../../src/errors.ts';
import type { Task } from '../../src/task.ts';
import { tensorflow as tf } from '../training/tensorflow-js.ts';
import { type randomArPrior, writeRandomArPrior } from './random-ar-prior.ts';

const TINY = 'test/golden/kandinsky-tiny';
const SETTINGS = { seed: 3, steps: 2, count: 1 };
const HEART = { operation: 'imagine', prompt: 'red heart' } as const;

let dir: string;
let network: ReturnType<typeof randomArPrior>;
let kandinsky: Kandinsky;
let model: Model;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-priors-'));
  await cp(TINY, dir, { recursive: true });
  network = await writeRandomArPrior(join(dir, 'prior-model'), { embedding_dim: 32, num_embeddings: 32 });
  kandinsky = await openKandinsky(dir, { threads: 1 });
  model = await openModel(dir, { threads: 1 });
});
afterAll(async () => {
  await Promise.all([kandinsky.close(), model.close()]);
  await rm(dir, { recursive: true });
});

const length = ({ data }: Tensor) => Math.hypot(...data);
const cosine = (a: Tensor, b: Tensor) =>
  a.data.reduce((sum, x, i) => sum + x * b.data[i]!, 0) / (length(a) * length(b));

describe('the autoregressive prior', () => {
  test.each([1, 3])('draws each code from its distribution given those before it, under guidance %d', async (scale) => {
    const stage = kandinsky.arPrior!;
    const text = await kandinsky.clip.encodeTexts(['red heart']);
    const unconditional = await kandinsky.clip.encodeTexts(['']);
    const request = { text, unconditional, isUnconditionalEmpty: true, guidanceScale: scale };
    const z = await sampleArPrior(stage, { ...request, generator: new TorchGenerator(7) });
    const { num_codes: count, num_buckets: buckets } = network.config;
    const codes = codesOf(whiten(stage.components, z, count), buckets);

    const generator = new TorchGenerator(7);
    const similarity = 2 + Math.floor(generator.rand([1]).data[0]! * 2); // of four buckets the upper two
    const random = generator.rand([1, count]).data;
    const forced = (condition: typeof text, bucket: number) => {
      const input = ({ data, shape }: Tensor) => tf.tensor(data, [...shape]);
      const { all } = arPrior(network.ops, network.weights, network.config);
      const { textEmbedding, textHidden, textMask } = condition;
      return all(
        {
          textEmbedding: input(textEmbedding),
          textHidden: input(textHidden),
          textMask: input(textMask),
          similarity: tf.tensor2d([bucket], [1, 1], 'int32'),
        },
        tf.tensor2d(codes.data, [1, count], 'int32'),
      );
    };
    const [own, away] = [forced(text, similarity), forced(unconditional, 4)];
    const probabilities = tf.softmax(tf.add(away, tf.mul(scale, tf.sub(own, away)))).dataSync<'float32'>();
    for (let k = 0; k < count; k++) {
      const below = (code: number) =>
        probabilities.subarray(k * buckets, k * buckets + code).reduce((sum, p) => sum + p, 0);
      expect(below(codes.data[k]!)).toBeLessThanOrEqual(random[k]! + 1e-4);
      expect(below(codes.data[k]! + 1)).toBeGreaterThanOrEqual(random[k]! - 1e-4);
    }
  });

  test('a recipe gives the same embedding alone and beside others', async () => {
    const embed = (seed: number, prompt = 'red heart', priorGuidanceScale = 3) =>
      model.embedText({ prompt, prior: 'ar', priorGuidanceScale }, new TorchGenerator(seed));
    const alone = await embed(3);
    const [first] = await Promise.all([embed(3), embed(4), embed(3, 'a cat', 1), embed(9, 'blue star')]);
    expect(first!.imageEmbedding).toBeAllClose(alone.imageEmbedding, { atol: 1e-5 });
  });

  test('draws a picture, and another one for another seed', async () => {
    const drawn = await draw(model, [
      ...recipesFor(model, HEART, { ...SETTINGS, prior: 'ar', count: 2 }),
      ...recipesFor(model, HEART, SETTINGS),
    ]);
    const [ar, other, diffusion] = drawn.images.map(({ data }) => data);
    expect(ar).not.toEqual(other);
    expect(ar).not.toEqual(diffusion);
  });

  test('is missing in most models', async () => {
    const plain = await openModel(TINY);
    await expect(plain.embedText({ prompt: 'a', prior: 'ar' }, new TorchGenerator(1))).rejects.toThrow(
      new InputError('this model has no autoregressive prior: draw with the prior diffusion or none, or train one'),
    );
    await plain.close();
  });

  test('needs the components that its codes stand for', async () => {
    await rm(join(dir, 'prior-model', 'prior_pca'), { recursive: true });
    await expect(openModel(dir)).rejects.toThrow(/prior_ar: its codes mean nothing without prior_pca beside it/);
  });
});

describe('principal components', () => {
  const task = async (dimensions: number[]) => {
    const file = { name: 'source.png', bytes: await readFile('test/golden/karlo-tiny/source.png') };
    return { kind: 'pca', pictures: [file], dimensions, settings: SETTINGS } satisfies Task<PictureFile>;
  };

  test('of a picture: all are the picture, none is the mean of all, and the seed is the same', async () => {
    const { recipes } = await plan(model, await task([0, 4, 32]));
    const [none, four, all] = recipes.map(({ imageEmbedding }) => decodeFloats(imageEmbedding!));
    const { bytes, name } = (await task([1])).pictures[0];
    const embedding = await model.embedPicture(await decodePicture(bytes, name));
    const { mean } = model.principalComponents!;
    expect(none).toBeAllClose(mean.data, { atol: 1e-5 });
    expect(all).toBeAllClose(embedding.data, { atol: 1e-4 });
    const distance = (a: Float32Array) => Math.hypot(...a.map((x, i) => x - embedding.data[i]!));
    expect(distance(four!)).toBeLessThan(distance(none!));
    expect(recipes).toMatchObject([0, 4, 32].map((dimensions) => ({ operation: 'pca', dimensions, seed: 3 })));
    expect((await draw(model, recipes)).images).toHaveLength(3);
  });

  test('are refused where there are fewer, or none at all', async () => {
    await expect(plan(model, await task([33]))).rejects.toThrow(
      'dimensions must be at most 32 with this model, not 33',
    );
    const plain = await openModel(TINY);
    await expect(plan(plain, await task([2]))).rejects.toThrow('this model has no principal components (prior_pca)');
    await plain.close();
  });
});

test("without a prior the text's own embedding is taken, as long as those of pictures are", async () => {
  const { imageEmbedding } = await model.embedText({ prompt: 'red heart', prior: 'none' }, new TorchGenerator(3));
  const { textEmbedding } = await kandinsky.clip.encodeTexts(['red heart']);
  expect(cosine(imageEmbedding, textEmbedding)).toBeCloseTo(1, 5);
  const { clipMean, clipStd } = kandinsky.prior;
  expect(length(imageEmbedding)).toBeCloseTo(Math.hypot(...clipMean, ...clipStd), 4);
});

describe.each(['diffusion', 'ar'] as const)('of several embeddings that the %s prior draws', (prior) => {
  test('the one nearest to the text is taken', async () => {
    const { textEmbedding } = await kandinsky.clip.encodeTexts(['red heart']);
    const nearness = async (priorSamples: number) => {
      let sum = 0;
      for (let seed = 0; seed < 10; seed++) {
        const request = { prompt: 'red heart', prior, priorSamples };
        const { imageEmbedding } = await model.embedText(request, new TorchGenerator(seed));
        expect(imageEmbedding.shape).toEqual([1, 32]);
        sum += cosine(imageEmbedding, textEmbedding);
      }
      return sum / 10;
    };
    expect(await nearness(8)).toBeGreaterThan(await nearness(1));
  });
});
