import { linspace } from './alphas-cumprod.ts';

export type TimestepSpacing = 'leading' | 'trailing' | 'linspace';

/**
 * Training timesteps to visit, Lin et al. 2023, table 2: `leading` 0, T/N, …; `trailing` …, T − T/N, T; `linspace` both ends.
 * @param count  N
 * @param length T, the training timesteps
 * @param offset added by `leading`
 * @returns N of them, falling; those of `linspace` are fractions
 */
export function spacedTimesteps(spacing: TimestepSpacing, count: number, length: number, offset: number): number[] {
  switch (spacing) {
    case 'leading':
      return Array.from({ length: count }, (_, i) => (count - 1 - i) * Math.floor(length / count) + offset);
    case 'trailing': {
      // The difference is taken as numpy's arange does: at halves its last bit decides which way they are rounded.
      const difference = length - length / count - length;
      return Array.from({ length: count }, (_, i) => roundHalfEven(length + i * difference) - 1);
    }
    case 'linspace':
      return linspace(0, length - 1, count).reverse();
  }
}

/** numpy's rounding: halves go to the even neighbour. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}
