import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TorchGenerator } from '../../src/engine/random/torch-generator.ts';
import { InputError } from '../../src/errors.ts';
import { MAX_SEED } from '../../src/recipe.ts';

const seeds = fc.integer({ min: 0, max: MAX_SEED });

describe('TorchGenerator', () => {
  test('one seed draws the same numbers every time', () => {
    fc.assert(
      fc.property(seeds, fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 6 }), (seed, sizes) => {
        const draw = () => {
          const generator = new TorchGenerator(seed);
          return sizes.map((size) => [...generator.randn([size]).data, ...generator.rand([size]).data]);
        };
        expect(draw()).toEqual(draw());
      }),
    );
  });

  test('only the order of values counts, not the shape they are drawn in', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const flat = new TorchGenerator(seed).randn([48]);
        const image = new TorchGenerator(seed).randn([1, 3, 4, 4]);
        expect(image.shape).toEqual([1, 3, 4, 4]);
        expect(image.data).toEqual(flat.data);
      }),
    );
  });

  test('a value that was left over from an odd draw comes first in the next small one', () => {
    const [apart, together] = [new TorchGenerator(3), new TorchGenerator(3)];
    const values = [...apart.randn([1]).data, ...apart.randn([2]).data];
    expect(values).toEqual([...together.randn([3]).data]);
  });

  test('numbers are spread as they should be', () => {
    const { data } = new TorchGenerator(0).randn([200_000]);
    const mean = data.reduce((a, b) => a + b, 0) / data.length;
    const variance = data.reduce((a, b) => a + (b - mean) ** 2, 0) / data.length;
    expect(mean).toBeCloseTo(0, 1);
    expect(variance).toBeCloseTo(1, 1);
    for (const u of new TorchGenerator(0).rand([10_000]).data) expect(u >= 0 && u < 1).toBe(true);
  });

  test.each([-1, 1.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY])('refuses the seed %d', (seed) => {
    expect(() => new TorchGenerator(seed)).toThrow(InputError);
    expect(() => new TorchGenerator(seed)).toThrow(`not ${seed}`);
  });
});
