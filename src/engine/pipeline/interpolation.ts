import { type Tensor, tensor } from '../tensor.ts';

/**
 * Spherical interpolation, Shoemake 1985: slerp(a, b; t) = sin((1−t)Ω)/sin Ω · a + sin(tΩ)/sin Ω · b, cos Ω = a·b / |a||b|.
 * Between vectors of the same length the length is kept; (anti)parallel vectors are interpolated linearly.
 *
 * @param a (1, D), given at t = 0
 * @param b (1, D), given at t = 1
 */
export function slerp(a: Tensor, b: Tensor, t: number): Tensor {
  const cosOmega = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  const omega = Math.acos(Math.min(1, Math.max(-1, cosOmega)));
  const sinOmega = Math.sin(omega);
  // also where a vector has no direction, and Ω is not a number
  if (!(sinOmega >= 1e-6)) return weightedSum([a, b], [1 - t, t]);
  return weightedSum([a, b], [Math.sin((1 - t) * omega) / sinOmega, Math.sin(t * omega) / sinOmega]);
}

/** Σ wᵢ·xᵢ, how Kandinsky mixes any number of embeddings. All of one shape. */
export function weightedSum(parts: readonly Tensor[], weights: readonly number[]): Tensor {
  const [first] = parts;
  if (!first || parts.length !== weights.length) {
    throw new RangeError(
      `as many weights as embeddings are needed: ${parts.length} embeddings, ${weights.length} weights`,
    );
  }
  const sum = new Float32Array(first.data.length);
  for (const [k, part] of parts.entries()) {
    for (let i = 0; i < sum.length; i++)
      sum[i] = (sum[i] as number) + (weights[k] as number) * (part.data[i] as number);
  }
  return tensor(sum, first.shape);
}

function dot(a: Tensor, b: Tensor): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += (a.data[i] as number) * (b.data[i] as number);
  return sum;
}
