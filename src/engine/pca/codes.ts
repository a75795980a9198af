import type { Tensor } from '../tensor.ts';

/** Standard deviations on both sides of the mean that buckets cover; what lies beyond is in the outermost ones. */
const REACH = 4;

/** Numbers in standard deviations → the buckets that they lie in, 0 … buckets − 1, all of one width. */
export function codesOf({ data, shape }: Tensor, buckets: number): Tensor {
  const codes = data.map((x) => {
    const bucket = Math.floor(((x + REACH) / (2 * REACH)) * buckets);
    return Math.min(Math.max(bucket, 0), buckets - 1);
  });
  return { data: codes, shape };
}

/** Codes → the middles of their buckets. */
export function middlesOf({ data, shape }: Tensor, buckets: number): Tensor {
  return { data: data.map((code) => ((code + 0.5) / buckets) * 2 * REACH - REACH), shape };
}
