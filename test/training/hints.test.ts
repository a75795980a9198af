import type * as tfjs from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import type { ClassifierConfig } from '../../src/engine/networks/classifier.ts';
import { ClipVisionConfig } from '../../src/engine/networks/clip-vision.ts';
import type { Weights } from '../../src/engine/ops/ops.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { hinting } from '../../src/engine/training/tasks/hints.ts';
import { tensorflow as tf } from './tensorflow-js.ts';

const WIDTH = 6;
const vision = ClipVisionConfig.parse({
  ...{ hidden_size: WIDTH, intermediate_size: 8, projection_dim: 8, num_hidden_layers: 4, num_attention_heads: 1 },
  ...{ image_size: 32, patch_size: 8 },
});
const teacher = { image_size: 16, channels: [4, 5, 7], style_width: 3 } as unknown as ClassifierConfig;

const random = (seed: number, ...shape: number[]) => tf.tensor(new Dice(seed, 0).normal(shape).data, shape);
const layers = [0, 1, 2, 3].map((layer) => random(layer, 2, 1 + 16, WIDTH));
const matrices = new Map<string, tfjs.Tensor>([
  ['1', random(10, WIDTH, 5)],
  ['2', random(11, WIDTH, 7)],
  ['style', random(12, 8, 3)],
]);
const weights = {
  at: () => ({ get: (name: string) => matrices.get(name)! }),
} as unknown as Weights<tfjs.Tensor>;

/** What a teacher would have to see: a stage of so many pixels, by the patches of a layer. */
function told(layer: number, stage: number, patches: number): tfjs.Tensor {
  const grid = tf.reshape(tf.slice(layers[layer]!, [0, 1, 0], [-1, -1, -1]), [2, 4, 4, WIDTH]) as tfjs.Tensor4D;
  const pooled = tf.avgPool(grid, patches, patches, 'valid');
  const channels = teacher.channels[stage]!;
  const seen = tf.reshape(tf.matMul(tf.reshape(pooled, [-1, WIDTH]), matrices.get(String(stage))!), [
    2,
    4 / patches,
    4 / patches,
    channels,
  ]);
  return tf.add(tf.mul(seen, 3), 0.5); // its scale and mean don't matter
}

describe('hints of a teacher', () => {
  // its stages have sides of 8, 4 and 2, a picture 4 × 4 patches: the first is finer than they are
  const { loss: hint, names } = hinting(tf, teacher, vision);
  const unseen = random(20, 2, 8, 8, 4);
  const embedding = random(30, 2, 8);
  const style = tf.matMul(embedding, matrices.get('style')!);
  const [middle, last] = [told(1, 1, 1), told(3, 2, 2)];
  const lossOf = (stages: tfjs.Tensor[], ofStyle = style) =>
    hint(weights, { layers, embedding }, { stages: [unseen, ...stages], style: ofStyle }).dataSync()[0]!;

  test('are nothing where the layers see what its stages do, half way and at the end', () => {
    expect(lossOf([middle, last])).toBeCloseTo(0, 4);
  });

  test('count where a layer sees something else, or what is there somewhere else', () => {
    expect(lossOf([middle, random(21, 2, 2, 2, 7)])).toBeGreaterThan(0.5);
    expect(lossOf([random(22, 2, 4, 4, 5), last])).toBeGreaterThan(0.5);
    expect(lossOf([tf.reverse(middle, 2), last])).toBeGreaterThan(0.5);
    expect(lossOf([middle, last], random(23, 2, 3))).toBeGreaterThan(0.5);
  });

  test('are of the style alone where its pixels are not whole patches', () => {
    const { loss: odd, names: ofOdd } = hinting(tf, teacher, { ...vision, image_size: 24 });
    expect([names, ofOdd]).toEqual([['hints.1', 'hints.2', 'hints.style'], ['hints.style']]);
    const lossOf = (ofStyle: tfjs.Tensor) => odd(weights, { layers, embedding }, { stages: [], style: ofStyle });
    expect(lossOf(style).dataSync()[0]).toBeCloseTo(0, 4);
    expect(lossOf(random(23, 2, 3)).dataSync()[0]).toBeGreaterThan(0.5);
  });
});
