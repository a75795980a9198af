import { expect, test } from 'vitest';
import { guide, withGuidance } from '../../src/engine/diffusion/guidance.ts';
import { tensor } from '../../src/engine/tensor.ts';

test('moves from the unconditional prediction through the conditional one', () => {
  const output = tensor(Float32Array.of(1, 2, 3, 5), [2, 2]);
  expect(guide(output, 1, 2)).toEqual(tensor(Float32Array.of(3, 5), [1, 2]));
  expect(guide(output, 0, 2)).toEqual(tensor(Float32Array.of(1, 2), [1, 2]));
  expect(guide(output, 4, 2)).toEqual(tensor(Float32Array.of(9, 14), [1, 2]));
});

test('keeps the variance of the conditional half, row by row', () => {
  // two pictures of one pixel: a channel of noise, a channel of variance
  const output = tensor(Float32Array.of(0, 10, 1, 11, 2, 20, 5, 21), [4, 2, 1, 1]);
  expect(guide(output, 3, 1)).toEqual(tensor(Float32Array.of(6, 20, 13, 21), [2, 2, 1, 1]));
});

test('evaluates both halves in one batch, the unconditional first', async () => {
  const seen: number[][] = [];
  const denoise = withGuidance(async (x, t) => {
    seen.push([...x.data, t]);
    return tensor(Float32Array.of(1, 1, 2, 2), [2, 2]);
  }, 2);
  expect(await denoise(tensor(Float32Array.of(7, 8), [1, 2]), 500)).toEqual(tensor(Float32Array.of(3, 3), [1, 2]));
  expect(seen).toEqual([[7, 8, 7, 8, 500]]);
});

test('is scaled back to the contrast of the conditional prediction', () => {
  const output = tensor(Float32Array.of(0, 0, 0, 10, 1, 2, 3, 20), [2, 4]);
  const guided = guide(output, 5, 4, 1).data;
  const deviation = (x: Float32Array) => Math.hypot(...x.map((value) => value - x.reduce((a, b) => a + b) / x.length));
  expect(deviation(guided)).toBeCloseTo(deviation(Float32Array.of(1, 2, 3, 20)), 4);
  const half = guide(output, 5, 4, 0.5).data;
  expect(half[3]).toBeCloseTo((guided[3]! + 60) / 2, 4);
});
