import type { Tensor } from './tensor.ts';

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** a·b / |a||b| */
export const cosine = (a: Float32Array, b: Float32Array): number => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

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
  for (let row = 0; row < count; row++) sums[row] = dot(data.subarray(row * width, (row + 1) * width), vector);
  return sums;
}

/** Where the largest value is. */
export const largest = (values: Float32Array): number =>
  values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
