import { InputError } from '../../../errors.ts';
import type { Tensor } from '../../tensor.ts';
import { measure, type Tolerance } from './measure.ts';

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

/** A folder computed once more, each step for itself, without and with errors in the predictions. */
export interface StepsAlone {
  readonly exact: Comparison;
  readonly disturbed: readonly Comparison[];
}

/** Said of a tensor that differs where all follows from the first noise, and agrees where its own step is all there is. */
const STEP_ALONE = "from the reference's sample";

interface Compared {
  readonly actual: Tensor;
  readonly expected: Tensor;
  readonly tolerance: Tolerance;
}

/** Collects what was computed for one folder. Expected tensors that nobody compared or used as input are failures. */
export class Comparison {
  readonly #expected: ReadonlyMap<string, Tensor>;
  readonly #used = new Set<string>();
  readonly #compared = new Map<string, Compared | string>();
  #givenUp = false;

  /** @param expected the tensors of the folder's `expected.safetensors`, none where it has no such file */
  constructor(expected: ReadonlyMap<string, Tensor> = new Map()) {
    this.#expected = expected;
  }

  /** The expected tensors, by name. */
  get expected(): ReadonlyMap<string, Tensor> {
    return this.#expected;
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
    if (expected) this.#compared.set(name, { actual, expected, tolerance });
    else this.fail(name, 'computed, but expected.safetensors has no such tensor');
  }

  /** Something that could not be computed. */
  fail(name: string, message: string): void {
    this.#used.add(name);
    this.#compared.set(name, message);
  }

  /** The rest could not be computed, for one cause. */
  giveUp(name: string, cause: string): void {
    this.#givenUp = true;
    this.fail(name, cause);
  }

  /**
   * All results, with a failure for each expected tensor that was left out, unless the cause is known.
   * @param again  judges those that differ
   */
  finish(again?: StepsAlone): Result[] {
    const missing = this.#givenUp ? [] : this.names.filter((name) => !this.#used.has(name) && !name.startsWith('in.'));
    for (const name of missing) this.fail(name, 'expected, but not computed');
    return [...this.#compared].map(([name, compared]): Result => {
      if (typeof compared === 'string') {
        return { name, pass: false, maxError: null, meanError: null, tolerance: null, message: compared };
      }
      const { actual, expected, tolerance } = compared;
      const measured = measure(actual, expected, tolerance);
      if (measured.pass || !again) return { name, tolerance, ...measured };
      const disturbed = again.disturbed.flatMap((comparison) => comparison.#actual(name) ?? []);
      const alone = measure(again.exact.#actual(name) ?? actual, expected, tolerance, disturbed);
      if (!alone.pass) return { name, tolerance, ...measured };
      const message = [STEP_ALONE, alone.message].filter((part) => part !== undefined).join('; ');
      return { name, tolerance, ...alone, message };
    });
  }

  #actual(name: string): Tensor | undefined {
    const compared = this.#compared.get(name);
    return typeof compared === 'object' ? compared.actual : undefined;
  }
}
