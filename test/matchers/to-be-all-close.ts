import { expect } from 'vitest';

type Numbers = ArrayLike<number> | { readonly data: ArrayLike<number>; readonly shape: readonly number[] };

interface Closeness {
  /** Absolute tolerance. Default 0. */
  atol?: number;
  /** Tolerance in proportion to the expected value. Default 0. */
  rtol?: number;
}

declare module 'vitest' {
  interface Matchers<T> {
    /** Every element: |actual − expected| ≤ atol + rtol·|expected|, and the shapes of tensors agree. */
    toBeAllClose(expected: Numbers, closeness: Closeness): T;
  }
}

const valuesOf = (x: Numbers): ArrayLike<number> => ('data' in x ? x.data : x);
const shapeOf = (x: Numbers): readonly number[] => ('shape' in x ? x.shape : [x.length]);

expect.extend({
  toBeAllClose(received: Numbers, expected: Numbers, { atol = 0, rtol = 0 }: Closeness) {
    const [actualShape, expectedShape] = [shapeOf(received).join(', '), shapeOf(expected).join(', ')];
    if (actualShape !== expectedShape) {
      return { pass: false, message: () => `expected shape (${expectedShape}), found (${actualShape})` };
    }
    const [actual, wanted] = [valuesOf(received), valuesOf(expected)];
    let worst = { index: -1, excess: Number.NEGATIVE_INFINITY };
    for (let index = 0; index < wanted.length; index++) {
      const error = Math.abs(actual[index]! - wanted[index]!) - rtol * Math.abs(wanted[index]!);
      const excess = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error - atol;
      if (excess > worst.excess) worst = { index, excess };
    }
    const { index } = worst;
    return {
      pass: worst.excess <= 0 || wanted.length === 0,
      message: () =>
        `worst of ${wanted.length} elements is [${index}]: expected ${wanted[index]}, found ${actual[index]}, ` +
        `apart by ${Math.abs(actual[index]! - wanted[index]!)} (atol ${atol}, rtol ${rtol})`,
    };
  },
});
