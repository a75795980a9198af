import type * as tfjs from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { classifier } from '../../src/engine/networks/classifier.ts';
import { ClipVisionConfig } from '../../src/engine/networks/clip-vision.ts';
import type { Weights } from '../../src/engine/ops/ops.ts';
import { TfjsOps } from '../../src/engine/ops/tfjs-ops.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import { teaching } from '../../src/engine/training/tasks/teaching.ts';
import { randomTeacher } from './random-teacher.ts';
import { tensorflow as tf } from './tensorflow-js.ts';

const pixels = new Dice(0, 0).normal([1, 16, 16, 3]).data as Float32Array;

const vision = ClipVisionConfig.parse({
  ...{ hidden_size: 4, intermediate_size: 8, projection_dim: 5, num_hidden_layers: 2, num_attention_heads: 1 },
  ...{ image_size: 16, patch_size: 4 },
});

describe('a teacher of CLIP', () => {
  const teacher = randomTeacher(['sun', 'moon']);
  const picture = tf.tensor4d(pixels, [1, 16, 16, 3]);
  const logits = classifier(new TfjsOps(tf), teacher.weights, teacher.config)(picture as tfjs.Tensor).concepts;
  const [sun, moon] = [...(tf.softmax(logits).dataSync() as Float32Array)] as [number, number];
  // the data set has them in another order, and a concept that the teacher has not learned
  const names = ['moon', 'star', 'sun'];
  const open = (sizes = vision) => teaching(tf, teacher, names, sizes);
  const right = [Math.log(moon), 7, Math.log(sun)];

  function compare(similarity: number[], sizes = vision, view: tfjs.Tensor4D = picture) {
    const random = (seed: number, ...shape: number[]) => tf.tensor(new Dice(seed, 0).normal(shape).data, shape);
    const tokens = 1 + (sizes.image_size / sizes.patch_size) ** 2;
    const seen = { layers: [random(1, 1, tokens, 4), random(2, 1, tokens, 4)], embedding: random(3, 1, 5) };
    const { loss } = open(sizes);
    const learn = (weights: Weights<tfjs.Tensor>) => loss(weights, view, seen, tf.tensor2d([similarity]));
    const parameters = Parameters.of(new TfjsOps(tf), learn);
    const { total, parts } = learn(parameters.weights(parameters.tensors(tf, parameters.initialise(0))));
    const figures = [total, parts.ofTeacher, parts.ofHints].map((x) => x.dataSync()[0]!) as [number, number, number];
    return { figures, learned: parameters.list.map(({ name }) => name) };
  }

  test('has nothing to say where CLIP finds what it finds, and something anywhere else', () => {
    const lossOf = (similarity: number[]) => compare(similarity).figures[1];
    expect(lossOf(right)).toBeCloseTo(0, 5);
    expect(lossOf([Math.log(moon) + 0.5, 7, Math.log(sun)])).toBeGreaterThan(0.001);
    expect(lossOf([Math.log(moon) - 0.5, 7, Math.log(sun)])).toBeGreaterThan(0.001);
  });

  test('gives hints too, which are learned with matrices that are of use to nothing else', () => {
    const { figures, learned } = compare([0, 0, 0]);
    const [total, ofTeacher, ofHints] = figures;
    expect(ofHints).toBeGreaterThan(0);
    expect(total).toBeCloseTo(ofTeacher + 3 * ofHints, 4);
    expect([...open().onlyInTraining].sort()).toEqual([...learned].sort());
  });

  test('sees smaller what CLIP sees larger', () => {
    const larger = tf.image.resizeNearestNeighbor(picture, [32, 32]);
    expect(compare(right, { ...vision, image_size: 32 }, larger).figures[1]).toBeCloseTo(0, 5);
  });

  test('must see what CLIP sees, and know nothing else than the data set', () => {
    expect(() => open({ ...vision, image_size: 40 })).toThrow(
      'the teacher sees pictures of 16 pixels, the encoder of pictures such of 40, which must be a multiple of that',
    );
    expect(() => teaching(tf, teacher, ['sun'], vision)).toThrow('the teacher knows “moon”');
  });
});
