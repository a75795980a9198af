import { type Tensor, tensor } from '../tensor.ts';
import { cosine, dot } from '../vectors.ts';

/**
 * Spherical interpolation, Shoemake 1985: slerp(a, b; t) = sin((1−t)Ω)/sin Ω · a + sin(tΩ)/sin Ω · b, cos Ω = a·b / |a||b|.
 * Between vectors of the same length the length is kept; (anti)parallel vectors are interpolated linearly.
 *
 * @param a (1, D), given at t = 0
 * @param b (1, D), given at t = 1
 */
export function slerp(a: Tensor, b: Tensor, t: number): Tensor {
  const omega = Math.acos(Math.min(1, Math.max(-1, cosine(a.data, b.data))));
  const sinOmega = Math.sin(omega);
  // also where a vector has no direction, and Ω is not a number
  if (!(sinOmega >= 1e-6)) return weightedSum([a, b], [1 - t, t]);
  return weightedSum([a, b], [Math.sin((1 - t) * omega) / sinOmega, Math.sin(t * omega) / sinOmega]);
}

/**
 * Spherical weighted mean, Buss & Fillmore 2001, algorithm A1: slerp for any number of vectors. Their directions are
 * averaged along great circles, their lengths linearly.
 * @param parts    (1, D) each
 * @param weights  of any sum, not negative
 */
export function sphericalMean(parts: readonly Tensor[], weights: readonly number[]): Tensor {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const shares = weights.map((weight) => weight / total);
  const lengths = parts.map(lengthOf);
  const directions = parts.map((part, i) => weightedSum([part], [1 / lengths[i]!]));
  let mean = normalise(weightedSum(directions, shares));
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const step = weightedSum(
      directions.map((direction) => logarithm(mean, direction)),
      shares,
    );
    const angle = lengthOf(step);
    if (angle < 1e-7) break;
    mean = normalise(weightedSum([mean, step], [Math.cos(angle), Math.sin(angle) / angle]));
  }
  const length = lengths.reduce((sum, each, i) => sum + each * shares[i]!, 0);
  return weightedSum([mean], [length]);
}

/** It converges quadratically. */
const MAX_ROUNDS = 20;

/** From one unit vector along the great circle to another: tangent at the first, as long as the angle. */
function logarithm(from: Tensor, to: Tensor): Tensor {
  const cosAngle = Math.min(1, Math.max(-1, dot(from.data, to.data)));
  const angle = Math.acos(cosAngle);
  const factor = angle < 1e-6 ? 1 : angle / Math.sin(angle);
  return weightedSum([to, from], [factor, -factor * cosAngle]);
}

const lengthOf = ({ data }: Tensor) => Math.sqrt(dot(data, data));
const normalise = (x: Tensor) => weightedSum([x], [1 / lengthOf(x)]);

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
