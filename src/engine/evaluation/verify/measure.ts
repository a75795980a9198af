import type { Tensor } from '../../tensor.ts';

/** How far apart two tensors may be: the largest absolute error and, where given, the mean one. */
export interface Tolerance {
  readonly max: number;
  readonly mean?: number;
}

export interface Measured {
  readonly pass: boolean;
  readonly maxError: number | null;
  readonly meanError: number | null;
  readonly message?: string;
}

/** More undetermined elements than this part of a tensor, and something else is wrong with it. */
const MAX_UNDETERMINED = 0.01;

/**
 * The errors of a tensor.
 * @param disturbed  the tensor as computed with errors in networks' outputs that these are free to have: an element
 *                   that they move as far as it is off isn't determined by the reference, and left out
 */
export function measure(
  actual: Tensor,
  expected: Tensor,
  tolerance: Tolerance,
  disturbed: readonly Tensor[] = [],
): Measured {
  if (actual.shape.join() !== expected.shape.join()) {
    return unmeasured(`expected shape (${expected.shape.join(', ')}), found (${actual.shape.join(', ')})`);
  }
  let [max, sum, compared, undefinedThere] = [0, 0, 0, 0];
  const undetermined = { count: 0, max: 0 };
  for (const [i, wanted] of expected.data.entries()) {
    const found = actual.data[i]!;
    if (Number.isNaN(found)) return unmeasured(`element ${i}: expected ${wanted}, found NaN`);
    if (Number.isNaN(wanted)) {
      undefinedThere++;
      continue;
    }
    const error = found === wanted ? 0 : Math.abs(found - wanted);
    if (error > tolerance.max && disturbed.some(({ data }) => Math.abs(data[i]! - found) >= error)) {
      undetermined.count++;
      undetermined.max = Math.max(undetermined.max, error);
      continue;
    }
    max = Math.max(max, error);
    sum += error;
    compared++;
  }
  const mean = compared === 0 ? 0 : sum / compared;
  const few = undetermined.count <= MAX_UNDETERMINED * expected.data.length;
  const pass = few && max <= tolerance.max && (tolerance.mean === undefined || mean <= tolerance.mean);
  const [maxError, meanError] = compared === 0 ? [null, null] : [max, mean];
  const of = `of ${expected.data.length} elements`;
  const messages = [
    // Nothing can agree with NaN. That we compute a number there is all there is to check.
    undefinedThere > 0 && `the reference is NaN in ${undefinedThere} ${of}`,
    undetermined.count > 0 &&
      `${undetermined.count} ${of} left out: off by up to ${undetermined.max.toExponential(1)}, and rounding moves them as far`,
  ].filter((message) => message !== false);
  return { pass, maxError, meanError, ...(messages.length > 0 && { message: messages.join('; ') }) };
}

const unmeasured = (message: string): Measured => ({ pass: false, maxError: null, meanError: null, message });
