import type { Tensor } from '../../tensor.ts';

/** Each row of (R, D) at length 1: products are then cosines. */
export function unitRows({ data, shape }: Tensor): Tensor {
  const width = shape[1]!;
  const unit = new Float32Array(data.length);
  for (let from = 0; from < data.length; from += width) {
    const row = data.subarray(from, from + width);
    const length = Math.hypot(...row);
    for (const [i, value] of row.entries()) unit[from + i] = value / length;
  }
  return { data: unit, shape };
}

/** Of a vector (D) with each row of (R, D). */
export function products({ data, shape }: Tensor, vector: Float32Array): Float32Array {
  const [count, width] = shape as [number, number];
  const sums = new Float32Array(count);
  for (let row = 0; row < count; row++) {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += data[row * width + i]! * vector[i]!;
    sums[row] = sum;
  }
  return sums;
}

/** Where the largest value is. */
export const largest = (values: Float32Array): number =>
  values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
