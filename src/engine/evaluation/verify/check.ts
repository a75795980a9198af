import type { Comparison } from './comparison.ts';
import type { Folder } from './folder.ts';

export type { Comparison, Folder };

/** One kind of folder with reference values. */
export interface Check {
  readonly name: string;
  /** Do networks run on what they gave before, so that a rounding may grow from step to step? */
  readonly takesSteps?: true;
  /** Is the folder of this kind? Judged by what it contains, never by its name or place. */
  recognises(folder: Folder): Promise<boolean>;
  /**
   * Computes everything and compares it. What it throws is reported as a failure of the folder.
   * @param again  how steps are taken when it's done once more: as usual if absent
   */
  run(folder: Folder, comparison: Comparison, again?: Again): Promise<void>;
}

/** Steps each for itself: they begin at the reference's samples. */
export interface Again {
  /** Added to each prediction and to the last sample, with alternating sign, in parts of their root mean square. */
  readonly error: number;
}
