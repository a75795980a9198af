import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { rows, type Tensor, tensor } from '../tensor.ts';

/** Principal component analysis of image embeddings z_i (Pearson 1901): uncorrelated axes, the one of most variance first. */
export interface PrincipalComponents {
  /** (1, E) */
  readonly mean: Tensor;
  /** (K, E): a direction of length 1 in each row; K = E, or fewer where the last were left out. */
  readonly directions: Tensor;
  /** (1, K): standard deviation along each direction, falling. */
  readonly deviations: Tensor;
}

/** Along a direction in which nothing varies. */
const SMALLEST_VARIANCE = 1e-12;

/** Eigenvectors of the covariance of embeddings (N, E). */
export function findComponents(embeddings: Tensor): PrincipalComponents {
  const [count, width] = embeddings.shape as [number, number];
  const mean = meanOfRows(embeddings);
  const centered = Matrix.from1DArray(
    count,
    width,
    embeddings.data.map((value, i) => value - mean[i % width]!),
  );
  const covariance = centered.transpose().mmul(centered).div(count);
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(covariance, { assumeSymmetric: true });
  const order = [...realEigenvalues.keys()].sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!);
  return {
    mean: tensor(mean, [1, width]),
    directions: tensor(Float32Array.from(order.flatMap((i) => eigenvectorMatrix.getColumn(i))), [width, width]),
    deviations: tensor(
      Float32Array.from(order, (i) => Math.sqrt(Math.max(realEigenvalues[i]!, SMALLEST_VARIANCE))),
      [1, width],
    ),
  };
}

/** (R, E) → (E) */
export function meanOfRows({ data, shape }: Tensor): Float32Array {
  const [count, width] = shape as [number, number];
  const sums = new Float64Array(width);
  for (const [i, value] of data.entries()) sums[i % width]! += value;
  return Float32Array.from(sums, (sum) => sum / count);
}

/** Embeddings (R, E) along the first `count` directions, in standard deviations: (R, count). */
export function whiten(
  { mean, directions, deviations }: PrincipalComponents,
  embeddings: Tensor,
  count: number,
): Tensor {
  const [rowCount, width] = embeddings.shape as [number, number];
  const whitened = new Float32Array(rowCount * count);
  for (let row = 0; row < rowCount; row++) {
    for (let k = 0; k < count; k++) {
      let along = 0;
      for (let d = 0; d < width; d++) {
        along += (embeddings.data[row * width + d]! - mean.data[d]!) * directions.data[k * width + d]!;
      }
      whitened[row * count + k] = along / deviations.data[k]!;
    }
  }
  return tensor(whitened, [rowCount, count]);
}

/** The other way round: (R, count) → (R, E), at the mean along all other directions. */
export function unwhiten({ mean, directions, deviations }: PrincipalComponents, whitened: Tensor): Tensor {
  const [rowCount, count] = whitened.shape as [number, number];
  const width = mean.data.length;
  const embeddings = new Float32Array(rowCount * width);
  for (let row = 0; row < rowCount; row++) {
    const embedding = embeddings.subarray(row * width, (row + 1) * width);
    embedding.set(mean.data);
    for (let k = 0; k < count; k++) {
      const along = whitened.data[row * count + k]! * deviations.data[k]!;
      for (let d = 0; d < width; d++) embedding[d]! += along * directions.data[k * width + d]!;
    }
  }
  return tensor(embeddings, [rowCount, width]);
}

/** The part of the variance that the first `count` directions hold, 0 … 1. */
export function explained({ deviations }: PrincipalComponents, count: number): number {
  const variance = (values: Float32Array) => values.reduce((sum, deviation) => sum + deviation ** 2, 0);
  return variance(deviations.data.subarray(0, count)) / variance(deviations.data);
}

/** How many of the first directions hold a part of the variance. @param share 0 … 1 */
export function enoughFor(components: PrincipalComponents, share: number): number {
  const { length } = components.deviations.data;
  let count = 1;
  while (count < length && explained(components, count) < share) count++;
  return count;
}

/** The first directions alone. */
export function firstComponents(
  { mean, directions, deviations }: PrincipalComponents,
  count: number,
): PrincipalComponents {
  return {
    mean,
    directions: rows(directions, 0, count),
    deviations: tensor(deviations.data.slice(0, count), [1, count]),
  };
}
