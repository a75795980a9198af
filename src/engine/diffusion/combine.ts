import type { Tensor } from '../tensor.ts';

/** A factor for all elements or one for each. */
type Term = readonly [factor: number | Float64Array, x: Tensor];

/** Σ factor·x over tensors of one shape; summed in float64, rounded once. */
export function combine(...terms: readonly Term[]): Tensor {
  const [, { shape, data }] = terms[0]!;
  const sum = new Float64Array(data.length);
  for (const [factor, x] of terms) {
    if (x.data.length !== sum.length) {
      throw new RangeError(`cannot combine (${x.shape.join(', ')}) with (${shape.join(', ')})`);
    }
    for (let i = 0; i < sum.length; i++) sum[i]! += (typeof factor === 'number' ? factor : factor[i]!) * x.data[i]!;
  }
  return { data: Float32Array.from(sum), shape };
}
