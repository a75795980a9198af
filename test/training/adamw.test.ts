import { expect, test } from 'vitest';
import { adamW, averageDecay, gradientNorm, updateAverage } from '../../src/engine/training/optimizer/adamw.ts';
import { learningRateAt } from '../../src/engine/training/optimizer/learning-rate.ts';

const PARAMETERS = [
  { name: 'w', shape: [2, 2], offset: 0, size: 4 },
  { name: 'b', shape: [2], offset: 4, size: 2 },
];
const OPTIONS = { beta1: 0.9, beta2: 0.98, eps: 1e-6, weightDecay: 0.1 };

test("agrees with torch's AdamW and clip_grad_norm_, without decay of vectors", () => {
  const values = Float32Array.of(1, -2, 0.5, 3, 0.1, -0.2);
  const moments = { first: new Float32Array(6), second: new Float32Array(6) };
  for (let step = 1; step <= 3; step++) {
    const gradients = [
      Float32Array.of(0.3, -0.1, 2, 0.05).map((g) => g * step),
      Float32Array.of(-0.4, 0.7).map((g) => g / step),
    ];
    adamW(values, gradients, 1 / Math.max(1, gradientNorm(gradients)), moments, PARAMETERS, step, 0.01, OPTIONS);
  }
  const torch = [0.9670100212, -1.9640134573, 0.4685082734, 2.9610171318, 0.125677973, -0.2256780714];
  expect(values).toBeAllClose(torch, { atol: 1e-6 });
});

test('the norm is of all gradients together, and shows what is no number', () => {
  expect(gradientNorm([Float32Array.of(3), Float32Array.of(0, 4)])).toBe(5);
  expect(gradientNorm([Float32Array.of(1, Number.NaN)])).toBeNaN();
});

test('the average follows at once in the beginning, slowly later', () => {
  const average = Float32Array.of(0);
  updateAverage(average, Float32Array.of(1), averageDecay(1, 0.999));
  expect(average[0]).toBeCloseTo(9 / 11);
  updateAverage(average, Float32Array.of(11), averageDecay(1_000_000, 0.9));
  expect(average[0]).toBeCloseTo(0.9 * (9 / 11) + 1.1);
});

test('the learning rate warms up, falls with half a cosine and stays at its floor', () => {
  const schedule = { peak: 1, warmup: 10, floor: 0.1 };
  expect(learningRateAt(5, 0.005, schedule)).toBeCloseTo(0.5, 3);
  expect(learningRateAt(500, 0.5, schedule)).toBeCloseTo(0.55);
  // of a short training the warm-up takes a twentieth
  expect(learningRateAt(5, 0.025, { ...schedule, warmup: 1000 })).toBeCloseTo(0.5, 2);
  expect(learningRateAt(10, 0.05, { ...schedule, warmup: 1000 })).toBeGreaterThan(0.99);
  expect(learningRateAt(1000, 1, schedule)).toBeCloseTo(0.1);
  expect(learningRateAt(9999, 9.999, schedule)).toBeCloseTo(0.1);
});
