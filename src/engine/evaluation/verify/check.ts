import type { Tensor } from '../../tensor.ts';

/** How far apart two tensors may be: the largest absolute error and, where given, the mean one. */
export interface Tolerance {
  readonly max: number;
  readonly mean?: number;
}

/** One kind of folder with reference values. */
export interface Check {
  readonly name: string;
  /** Is the folder of this kind? Judged by what it contains, never by its name or place. */
  recognises(folder: Folder): Promise<boolean>;
  /** Computes everything and compares it. What it throws is reported as a failure of the folder. */
  run(folder: Folder, comparison: Comparison): Promise<void>;
}

export interface Folder {
  readonly path: string;
  /** Absolute path of a file or folder inside. */
  file(name: string): string;
  has(name: string): boolean;
  /** Parsed JSON file (NaN and Infinity as Python writes them are understood); undefined when there is none. */
  json(name: string): Promise<unknown>;
}

/** Collects results. Expected tensors that nothing was compared with or that weren't used as input count as failures. */
export interface Comparison {
  /** The expected tensors of `expected.safetensors`. */
  readonly names: readonly string[];
  /** An expected tensor used as input. @throws InputError when it is missing */
  input(name: string): Tensor;
  /** Compares with the expected tensor of that name, or with `expected` where it's from elsewhere. */
  compare(name: string, actual: Tensor, tolerance: Tolerance, expected?: Tensor): void;
  /** Something that could not be computed. */
  fail(name: string, message: string): void;
}
