import { expect, test } from 'vitest';
import { codesOf, middlesOf } from '../../src/engine/pca/codes.ts';
import {
  enoughFor,
  explained,
  findComponents,
  firstComponents,
  unwhiten,
  whiten,
} from '../../src/engine/pca/components.ts';
import { tensor } from '../../src/engine/tensor.ts';
import { Dice } from '../../src/engine/training/dice.ts';

/** Around (10, 20, 30): deviation 5 along (3, 4, 0)/5, 1 along (−4, 3, 0)/5, next to none along z. */
function cloud() {
  const { data } = new Dice(1, 0).normal([2000, 3]);
  const points = Array.from({ length: 2000 }, (_, i) => {
    const [a, b, c] = [5 * data[3 * i]!, data[3 * i + 1]!, 0.01 * data[3 * i + 2]!];
    return [10 + 0.6 * a - 0.8 * b, 20 + 0.8 * a + 0.6 * b, 30 + c];
  });
  return tensor(Float32Array.from(points.flat()), [2000, 3]);
}

test('components are the axes of the cloud, the longest first', () => {
  const { mean, directions, deviations } = findComponents(cloud());
  expect(mean.data).toBeAllClose([10, 20, 30], { atol: 0.3 });
  expect(deviations.data).toBeAllClose([5, 1, 0.01], { atol: 0.001, rtol: 0.05 });
  const first = directions.data.slice(0, 3).map((x) => x * Math.sign(directions.data[0]!));
  expect(first).toBeAllClose([0.6, 0.8, 0], { atol: 0.02 });
});

test('whitened numbers are uncorrelated and of variance 1, and lead back', () => {
  const points = cloud();
  const components = findComponents(points);
  const whitened = whiten(components, points, 3);
  const moment = (a: number, b: number) =>
    whitened.data.reduce((sum, _, i, all) => (i % 3 === 0 ? sum + (all[i + a]! * all[i + b]!) / 2000 : sum), 0);
  expect([moment(0, 0), moment(1, 1), moment(0, 1)]).toBeAllClose([1, 1, 0], { atol: 1e-3 });
  expect(unwhiten(components, whitened)).toBeAllClose(points, { atol: 1e-3 });
});

test('with fewer components the rest is at the mean, and what is lost is what they do not explain', () => {
  const points = cloud();
  const components = findComponents(points);
  const projected = unwhiten(components, whiten(components, points, 1));
  const squares = (of: (x: number, i: number) => number) => points.data.reduce((sum, x, i) => sum + of(x, i) ** 2, 0);
  const lost = squares((x, i) => x - projected.data[i]!) / squares((x, i) => x - components.mean.data[i % 3]!);
  expect(lost).toBeCloseTo(1 - explained(components, 1), 3);
  expect(explained(components, 3)).toBeCloseTo(1);
});

test('the first components are as many as hold a part of the variance, and mean the same', () => {
  const points = cloud();
  const components = findComponents(points);
  expect([0.9, 0.97, 0.9999, 1].map((share) => enoughFor(components, share))).toEqual([1, 2, 2, 3]);
  const first = firstComponents(components, 2);
  expect([first.directions.shape, first.deviations.shape]).toEqual([
    [2, 3],
    [1, 2],
  ]);
  const projected = (of: typeof components) => unwhiten(of, whiten(of, points, 2));
  expect(projected(first)).toEqual(projected(components));
  expect(enoughFor(first, 1)).toBe(2);
});

test('codes are at most half a bucket off; what lies beyond four deviations is in the last bucket', () => {
  const x = tensor(Float32Array.of(-9, -3.999, -0.3, 0, 0.001, 2.5, 9), [7, 1]);
  const codes = codesOf(x, 1024);
  expect([...codes.data]).toEqual([0, 0, 473, 512, 512, 832, 1023]);
  expect(middlesOf(codes, 1024).data.slice(1, -1)).toBeAllClose(x.data.slice(1, -1), { atol: 4 / 1024 + 1e-6 });
});
