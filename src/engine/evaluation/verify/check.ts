import type { Comparison } from './comparison.ts';
import type { Folder } from './folder.ts';

export type { Comparison, Folder };

/** One kind of folder with reference values. */
export interface Check {
  readonly name: string;
  /** Is the folder of this kind? Judged by what it contains, never by its name or place. */
  recognises(folder: Folder): Promise<boolean>;
  /** Computes everything and compares it. What it throws is reported as a failure of the folder. */
  run(folder: Folder, comparison: Comparison): Promise<void>;
}
