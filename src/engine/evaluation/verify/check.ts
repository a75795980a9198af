import type { Tensor } from '../../tensor.ts';
import type { Comparison } from './comparison.ts';
import type { Folder } from './folder.ts';

export type { Comparison, Folder };

/** An output of a network → one with a small error in each element. */
export type Disturb = (output: Tensor) => Tensor;

/** One kind of folder with reference values. */
export interface Check {
  readonly name: string;
  /** Is the folder of this kind? Judged by what it contains, never by its name or place. */
  recognises(folder: Folder): Promise<boolean>;
  /** Computes everything and compares it. What it throws is reported as a failure of the folder. */
  run(folder: Folder, comparison: Comparison): Promise<void>;
  /**
   * The same with an error in each output of a network. Where networks run on what they gave before, a rounding may
   * grow: this tells how far.
   */
  runDisturbed?(folder: Folder, comparison: Comparison, disturb: Disturb): Promise<void>;
}
