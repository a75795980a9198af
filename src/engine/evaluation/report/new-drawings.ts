import type { Dataset } from '../../training/data/dataset.ts';
import { SAME_DRAWINGS } from '../../training/data/sources.ts';
import { percent } from './percent.ts';

export interface Counts {
  readonly right: number;
  readonly all: number;
}

/**
 * How many held-out pictures are right, and how many of those that are new drawings: a flat one whose twin in 3D was learned
 * from is hardly held out.
 * @param isRight  by the number of each picture
 * @returns `ofNew` where these are not all, and some
 */
export function countRight(dataset: Dataset, isRight: ReadonlyMap<number, boolean>): Counts & { ofNew?: Counts } {
  const isNew = (index: number) => isNewDrawing(dataset, index);
  const count = (indices: readonly number[]) => ({
    right: indices.filter((index) => isRight.get(index)).length,
    all: indices.length,
  });
  const all = [...isRight.keys()];
  const ofNew = count(all.filter(isNew));
  return { ...count(all), ...(ofNew.all > 0 && ofNew.all < all.length && { ofNew }) };
}

export const describeNew = ({ right, all }: Counts): string =>
  `${percent(right / all)} of the ${all} that were not learned in another rendering`;

/** Whether no training picture is the same drawing. */
function isNewDrawing(dataset: Dataset, index: number): boolean {
  const { concept, style } = dataset.records[index]!;
  const renderings = SAME_DRAWINGS.filter((styles) => styles.includes(style)).flat();
  return !dataset.records.some(
    (other) => other.split === 'train' && other.concept === concept && renderings.includes(other.style),
  );
}
