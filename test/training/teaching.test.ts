import { describe, expect, test } from 'vitest';
import { classifier } from '../../src/engine/networks/classifier.ts';
import { TfjsOps } from '../../src/engine/ops/tfjs-ops.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { teaching } from '../../src/engine/training/tasks/teaching.ts';
import { randomTeacher } from './random-teacher.ts';
import { tensorflow as tf } from './tensorflow-js.ts';

const pixels = new Dice(0, 0).normal([1, 16, 16, 3]).data as Float32Array;

describe('a teacher of CLIP', () => {
  const teacher = randomTeacher(['sun', 'moon']);
  const logits = classifier(
    new TfjsOps(tf),
    teacher.weights,
    teacher.config,
  )(tf.tensor(pixels, [1, 16, 16, 3])).concepts;
  const [sun, moon] = [...(tf.softmax(logits).dataSync() as Float32Array)] as [number, number];
  // the data set has them in another order, and a concept that the teacher has not learned
  const teach = teaching(tf, teacher, ['moon', 'star', 'sun'], 16);
  const picture = tf.tensor4d(pixels, [1, 16, 16, 3]);
  const lossOf = (similarity: number[]) =>
    teach.divergence(tf.tensor2d([similarity]), teach.look(picture).concepts).dataSync()[0]!;

  test('has nothing to say where CLIP finds what it finds, and something anywhere else', () => {
    expect(lossOf([Math.log(moon), 7, Math.log(sun)])).toBeCloseTo(0, 5);
    expect(lossOf([Math.log(moon) + 0.5, 7, Math.log(sun)])).toBeGreaterThan(0.001);
    expect(lossOf([Math.log(moon) - 0.5, 7, Math.log(sun)])).toBeGreaterThan(0.001);
  });

  test('sees smaller what CLIP sees larger', () => {
    const larger = tf.image.resizeNearestNeighbor(tf.tensor4d(pixels, [1, 16, 16, 3]), [32, 32]);
    const found = teaching(tf, teacher, ['moon', 'star', 'sun'], 32).look(larger);
    expect(found.concepts.dataSync()).toBeAllClose(teach.look(picture).concepts.dataSync() as Float32Array, {
      atol: 1e-5,
    });
  });

  test('must see what CLIP sees, and know nothing else than the data set', () => {
    expect(() => teaching(tf, teacher, ['moon', 'sun'], 40)).toThrow(
      'the teacher sees pictures of 16 pixels, CLIP of 40',
    );
    expect(() => teaching(tf, teacher, ['sun'], 16)).toThrow('the teacher knows “moon”');
  });
});
