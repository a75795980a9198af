import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quantiseRows, stepsFor, transposed } from '../../src/engine/quantisation/quantise-layer.ts';

const finite = () => fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });

test('256 steps hold a range, 0 exactly, to half a step', () => {
  fc.assert(
    fc.property(finite(), finite(), finite(), (a, b, part) => {
      const [min, max] = [Math.min(a, b), Math.max(a, b)];
      const { scale, zeroPoint } = stepsFor([min, max]);
      expect(zeroPoint).toBeGreaterThanOrEqual(0);
      expect(zeroPoint).toBeLessThanOrEqual(255);
      const x = Math.min(Math.max(part, min), max);
      const q = Math.min(Math.max(Math.round(x / scale) + zeroPoint, 0), 255);
      expect(Math.abs(scale * (q - zeroPoint) - x)).toBeLessThanOrEqual(scale * 1.001);
    }),
  );
});

test.each([127, 63])('weights come back to half a step of their row, none beyond ±%d', (peak) => {
  fc.assert(
    fc.property(fc.float32Array({ minLength: 6, maxLength: 6, noNaN: true, noDefaultInfinity: true }), (data) => {
      const { scales, values } = quantiseRows(data, 2, peak);
      for (const [i, value] of values.entries()) {
        const scale = scales[Math.floor(i / 3)]!;
        expect(Math.abs(value)).toBeLessThanOrEqual(peak);
        expect(Math.abs(value * scale - data[i]!)).toBeLessThanOrEqual(scale * 0.5001);
      }
    }),
  );
});

test('rows of zeros stay zeros', () => {
  expect(quantiseRows(new Float32Array(4), 2, 127)).toEqual({
    scales: Float32Array.of(1, 1),
    values: new Int8Array(4),
  });
});

test('(2, 3) becomes (3, 2)', () => {
  expect([...transposed(Int8Array.of(1, 2, 3, 4, 5, 6), 2)]).toEqual([1, 4, 2, 5, 3, 6]);
});
