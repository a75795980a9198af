import { InputError } from '../../../errors.ts';
import type { Tensor } from '../../tensor.ts';

/** How far apart two tensors may be: the largest absolute error and, where given, the mean one. */
export interface Tolerance {
  readonly max: number;
  readonly mean?: number;
}

export interface Result {
  readonly name: string;
  readonly pass: boolean;
  /** Absolute; null where there was nothing to compare, or what was computed is no number. */
  readonly maxError: number | null;
  readonly meanError: number | null;
  readonly tolerance: Tolerance | null;
  /** Why it failed, or what else is to be known. */
  readonly message?: string;
}

/** Collects the results of one folder. Expected tensors that nobody compared or used as input are failures. */
export class Comparison {
  readonly #expected: ReadonlyMap<string, Tensor>;
  readonly #used = new Set<string>();
  readonly #results: Result[] = [];

  /** @param expected the tensors of the folder's `expected.safetensors`, none where it has no such file */
  constructor(expected: ReadonlyMap<string, Tensor> = new Map()) {
    this.#expected = expected;
  }

  /** Names of the expected tensors. */
  get names(): readonly string[] {
    return [...this.#expected.keys()];
  }

  /** An expected tensor used as input. @throws InputError when it is missing */
  input(name: string): Tensor {
    const tensor = this.#expected.get(name);
    if (!tensor) throw new InputError(`expected.safetensors: ${name} is missing`);
    this.#used.add(name);
    return tensor;
  }

  /** Compares with the expected tensor of that name, or with `expected` where it's from another file. */
  compare(name: string, actual: Tensor, tolerance: Tolerance, expected = this.#expected.get(name)): void {
    this.#used.add(name);
    if (expected) this.#results.push({ name, tolerance, ...measure(actual, expected, tolerance) });
    else this.fail(name, 'computed, but expected.safetensors has no such tensor');
  }

  /** Something that could not be computed. */
  fail(name: string, message: string): void {
    this.#used.add(name);
    this.#results.push({ name, pass: false, maxError: null, meanError: null, tolerance: null, message });
  }

  /** All results, with a failure for each expected tensor that was left out. */
  finish(): Result[] {
    for (const name of this.names.filter((name) => !this.#used.has(name)))
      this.fail(name, 'expected, but not computed');
    return this.#results;
  }
}

function measure(actual: Tensor, expected: Tensor, tolerance: Tolerance): Omit<Result, 'name' | 'tolerance'> {
  if (actual.shape.join() !== expected.shape.join()) {
    const message = `expected shape (${expected.shape.join(', ')}), found (${actual.shape.join(', ')})`;
    return { pass: false, maxError: null, meanError: null, message };
  }
  let [max, sum, compared, undefinedThere] = [0, 0, 0, 0];
  for (const [i, wanted] of expected.data.entries()) {
    const found = actual.data[i]!;
    if (Number.isNaN(found)) {
      return { pass: false, maxError: null, meanError: null, message: `element ${i}: expected ${wanted}, found NaN` };
    }
    if (Number.isNaN(wanted)) undefinedThere++;
    else {
      const error = found === wanted ? 0 : Math.abs(found - wanted);
      max = Math.max(max, error);
      sum += error;
      compared++;
    }
  }
  const mean = compared === 0 ? 0 : sum / compared;
  const pass = max <= tolerance.max && (tolerance.mean === undefined || mean <= tolerance.mean);
  // Nothing can agree with NaN. That we compute a number there is all there is to check.
  const message = `the reference is NaN in ${undefinedThere} of ${expected.data.length} elements`;
  const [maxError, meanError] = compared === 0 ? [null, null] : [max, mean];
  return { pass, maxError, meanError, ...(undefinedThere > 0 && { message }) };
}
