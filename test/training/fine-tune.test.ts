import { beforeAll, describe, expect, test } from 'vitest';
import { ClipVisionConfig, clipVision } from '../../src/engine/networks/clip-vision.ts';
import { movqDecoder } from '../../src/engine/networks/movq.ts';
import { UnetConfig } from '../../src/engine/networks/unet-config.ts';
import type { Weights } from '../../src/engine/ops/ops.ts';
import { TfjsOps } from '../../src/engine/ops/tfjs-ops.ts';
import type { PictureSet } from '../../src/engine/training/data/picture-set.ts';
import { PICTURE_BYTES } from '../../src/engine/training/data/rasterise.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { parametersOf, trainStep } from '../../src/engine/training/loop.ts';
import { openOptimizer } from '../../src/engine/training/optimizer/open-optimizer.ts';
import { initialState } from '../../src/engine/training/optimizer/optimizer.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import type { ClipConfig } from '../../src/engine/training/tasks/clip-encoders.ts';
import { clipImages, clipPixels, WHOLE } from '../../src/engine/training/tasks/clip-preprocess.ts';
import { latentUnet, unetOf } from '../../src/engine/training/tasks/decoder.ts';
import type { Features } from '../../src/engine/training/tasks/features.ts';
import { type FineTuneNetworks, fineTuneTask, sphericalDistance } from '../../src/engine/training/tasks/fine-tune.ts';
import { movqConfig } from '../../src/engine/training/tasks/movq.ts';
import { toUnit } from '../../src/engine/training/tasks/pictures.ts';
import { tensorflow as tf } from './tensorflow-js.ts';

type Tensor = ReturnType<typeof tf.tensor>;

describe('the spherical distance', () => {
  const at = (degrees: number, length = 1) =>
    tf.tensor2d(
      [Math.cos, Math.sin].map((f) => length * f((degrees * Math.PI) / 180)),
      [1, 2],
    );
  const distance = (x: ReturnType<typeof at>, y: ReturnType<typeof at>) => sphericalDistance(tf, x, y).dataSync()[0]!;

  test.each([0, 1, 60, 90, 150, 179])(
    'of %s degrees is half the square of the angle, whatever the lengths',
    (angle) => {
      const radians = (angle * Math.PI) / 180;
      expect(distance(at(20, 0.3), at(20 + angle, 7))).toBeCloseTo(radians ** 2 / 2, 4);
    },
  );

  test('has the gradient that finite differences have', () => {
    const [x, y] = [
      [0.3, -1.2, 0.5],
      [1.1, 0.4, -0.2],
    ] as const;
    const of = (values: readonly number[]) =>
      sphericalDistance(tf, tf.tensor2d([...values], [1, 3]), tf.tensor2d([...y], [1, 3]));
    const gradient = tf.grad((v) => sphericalDistance(tf, v, tf.tensor2d([...y], [1, 3])))(tf.tensor2d([...x], [1, 3]));
    const h = 1e-2;
    const expected = x.map((_, i) => {
      const [up, down] = [h, -h].map((step) => of(x.map((v, j) => v + (i === j ? step : 0))).dataSync()[0]!);
      return (up! - down!) / (2 * h);
    });
    expect(gradient.dataSync()).toBeAllClose(expected, { atol: 1e-3 });
  });

  test('has a gradient where the two are the same', () => {
    const gradient = tf.grad((v) => sphericalDistance(tf, v, at(30)))(at(30));
    expect(gradient.dataSync()).toBeAllClose([0, 0], { atol: 1e-3 });
  });
});

test.each([128, 64, 32, 24])('CLIP at %s² sees in a drawn picture what it sees in its file', (size) => {
  const picture = Uint8Array.from({ length: PICTURE_BYTES }, (_, i) => (i * 37 + (i >> 5)) % 256);
  const expected = new Float32Array(size * size * 3);
  clipPixels(picture, WHOLE, size, expected);
  const drawn = new Float32Array(PICTURE_BYTES);
  toUnit(picture, drawn);
  const found = clipImages(tf, tf.tensor4d(drawn, [1, 128, 128, 4]), size);
  expect(found.shape).toEqual([1, size, size, 3]);
  expect(found.dataSync()).toBeAllClose(expected, { atol: 1e-5 });
});

describe('fine-tuning', () => {
  const WIDTH = 8;
  const PICTURES = 4;
  const unet = UnetConfig.parse({
    ...{ ...latentUnet([8, 8]), norm_num_groups: 4, attention_head_dim: 8, cross_attention_dim: 8 },
    ...{ encoder_hid_dim: WIDTH, encoder_hid_dim_type: 'image_proj', addition_embed_type: 'image' },
  });
  const movq = movqConfig([8, 8]);
  const vision = ClipVisionConfig.parse({
    ...{ hidden_size: 8, intermediate_size: 8, projection_dim: WIDTH, num_hidden_layers: 1, num_attention_heads: 1 },
    ...{ image_size: 4, patch_size: 2 },
  });
  const ops = new TfjsOps(tf);
  let decoder: Parameters;
  let task: ReturnType<typeof fineTuneTask>;

  function randomWeights(seed: number, run: (weights: Weights<Tensor>) => void) {
    const parameters = Parameters.of(ops, run);
    const values = parameters.initialise(seed);
    const weights = parameters.weights(parameters.tensors(tf, values));
    return { parameters, weights, initialise: parameters.startingFrom(values) };
  }

  beforeAll(() => {
    const dice = new Dice(1, 1);
    const features: Features = {
      latents: dice.normal([PICTURES, 4, 4, 4]),
      embeddings: dice.normal([PICTURES, WIDTH]),
      zeroEmbedding: { data: new Float32Array(WIDTH), shape: [1, WIDTH] },
      scale: 1,
      clip: '',
    };
    const latents = tf.zeros([1, 4, 4, 4]);
    const start = randomWeights(2, (w) => unetOf(tf, unet)(w, new Float32Array(WIDTH))(latents, tf.zeros([1, 1])));
    decoder = start.parameters;
    const networks: FineTuneNetworks = {
      ...{ unet, movq, clip: { vision } as ClipConfig },
      start,
      movqWeights: randomWeights(3, (w) => movqDecoder(ops, w, movq)(latents)).weights,
      clipWeights: randomWeights(4, (w) => clipVision(ops, w, vision)(tf.zeros([1, 4, 4, 3]))).weights,
    };
    const dataset = { records: Array(PICTURES).fill({ split: 'train' }) } as unknown as PictureSet;
    const draw = async () => Buffer.from('sheet');
    task = fineTuneTask(tf, dataset, features, networks, draw, { horizon: 100, seed: 0 });
  });

  test('begins with the weights of the decoder, and has no others to train', async () => {
    const parameters = await parametersOf(tf, task);
    const found = parameters.export(parameters.initialise(0, task.initialise));
    const expected = decoder.export(decoder.initialise(2));
    expect(new Map([...found].sort())).toEqual(new Map([...expected].sort()));
    expect(task.startsFrom).toBe('decoder');
  });

  test('the distance has gradients in all of the U-Net', async () => {
    const parameters = await parametersOf(tf, task);
    const batch = await task.batch(0);
    const gradients = tf.grads((...tensors: Tensor[]) => task.loss(parameters.weights(tensors), batch).parts.distance!)(
      parameters.tensors(tf, parameters.initialise(0, task.initialise)),
    );
    for (const [i, { name }] of parameters.list.entries()) {
      const norm = tf.norm(gradients[i]!).dataSync()[0]!;
      expect(norm, name).toBeLessThan(100);
      expect(norm, name).toBeGreaterThan(1e-9);
    }
  });

  test('rows without a condition have nothing to be near to', async () => {
    const parameters = await parametersOf(tf, task);
    const weights = parameters.weights(parameters.tensors(tf, parameters.initialise(0, task.initialise)));
    const batch = await task.batch(0);
    const distance = (dropped: (row: number) => boolean) => {
      return task.loss(weights, { ...batch, dropped: batch.dropped.map((_, b) => dropped(b)) }).parts.distance!;
    };
    expect(distance(() => true).dataSync()[0]).toBe(0);
    const [all, first] = [() => false, (row: number) => row !== 0].map((rule) => distance(rule).dataSync()[0]!);
    expect(first).toBeGreaterThan(0);
    expect(first).not.toBeCloseTo(all!, 6);
  });

  test('steps lower the loss and the distance, which is compared with that before', async () => {
    const parameters = await parametersOf(tf, task);
    const hurried = {
      ...task,
      optimizer: { ...task.optimizer, learningRate: 3e-3, warmup: 1 },
      batch: () => task.batch(0),
    };
    const optimizer = openOptimizer(
      tf,
      parameters,
      initialState(parameters.initialise(0, task.initialise)),
      hurried.optimizer,
    );
    const first = await trainStep({ tf, task: hurried, parameters, optimizer });
    let last = first;
    for (let i = 0; i < 3; i++) last = await trainStep({ tf, task: hurried, parameters, optimizer });
    expect(last.loss!).toBeLessThan(first.loss!);
    expect(last.distance!).toBeLessThan(first.distance!);
    const { figures, sheet } = await task.evaluate(parameters.weights(optimizer.values()));
    expect(figures.trainDistance!).toBeLessThan(figures.trainDistanceBefore!);
    expect(String(sheet)).toBe('sheet');
  });
});
