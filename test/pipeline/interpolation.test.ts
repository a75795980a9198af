import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slerp, sphericalMean, weightedSum } from '../../src/engine/pipeline/interpolation.ts';
import { type Tensor, tensor } from '../../src/engine/tensor.ts';

const row = (values: readonly number[]): Tensor => tensor(Float32Array.from(values), [1, values.length]);
const norm = (x: Tensor) => Math.hypot(...x.data);
const unit = (x: Tensor) => row([...x.data].map((value) => value / norm(x)));
const angle = (a: Tensor, b: Tensor) =>
  Math.acos(
    Math.max(
      -1,
      Math.min(
        1,
        [...unit(a).data].reduce((sum, v, i) => sum + v * unit(b).data[i]!, 0),
      ),
    ),
  );

const direction = fc
  .array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 8, maxLength: 8 })
  .map(row)
  .filter((x) => norm(x) > 0.1)
  .map(unit);
const weight = fc.double({ min: 0, max: 1, noNaN: true });

describe('slerp', () => {
  it('keeps the length and divides the angle in the given ratio', () => {
    fc.assert(
      fc.property(direction, direction, weight, (a, b, t) => {
        fc.pre(angle(a, b) > 0.01 && angle(a, b) < 3.1);
        const z = slerp(a, b, t);
        expect(norm(z)).toBeCloseTo(1, 4);
        expect(angle(a, z)).toBeCloseTo(t * angle(a, b), 2);
      }),
    );
  });

  it('gives both ends exactly, also for vectors of different lengths', () => {
    const [a, b] = [row([3, 0, 0]), row([0, 0.5, 0])];
    expect([...slerp(a, b, 0).data]).toEqual([3, 0, 0]);
    expect(slerp(a, b, 1).data[1]).toBeCloseTo(0.5, 6);
    expect(slerp(a, b, 1).data[0]).toBeCloseTo(0, 6);
  });

  it('is linear where there is no angle to divide', () => {
    expect([...slerp(row([1, 2]), row([2, 4]), 0.5).data]).toEqual([1.5, 3]);
    expect([...slerp(row([0, 0]), row([0, 0]), 0.5).data].every(Number.isFinite)).toBe(true);
  });
});

describe('weightedSum', () => {
  it('adds any number of embeddings', () => {
    expect([...weightedSum([row([1, 0]), row([0, 1]), row([2, 2])], [0.25, 0.25, 0.5]).data]).toEqual([1.25, 1.25]);
  });

  it('refuses weights that do not match', () => {
    expect(() => weightedSum([row([1])], [1, 2])).toThrow('1 embeddings, 2 weights');
  });
});

describe('sphericalMean', () => {
  it('of two vectors of one length is slerp', () => {
    fc.assert(
      fc.property(direction, direction, weight, (a, b, t) => {
        fc.pre(angle(a, b) > 0.01 && angle(a, b) < 3);
        expect(sphericalMean([a, b], [1 - t, t])).toBeAllClose(slerp(a, b, t), { atol: 1e-4 });
      }),
    );
  });

  it('of many has their mean length, whatever their order, and no sum of weights is wrong', () => {
    const [a, b, c] = [row([2, 0, 0]), row([0, 4, 0]), row([0, 0, 6])] as const;
    const mean = sphericalMean([a, b, c], [5, 5, 5]);
    expect(mean).toBeAllClose(row([4, 4, 4].map((x) => x / Math.sqrt(3))), { atol: 1e-5 });
    expect(sphericalMean([c, a, b], [0, 2, 1])).toBeAllClose(sphericalMean([a, b], [4, 2]), { atol: 1e-5 });
  });
});
