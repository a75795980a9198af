const GROUPS = 4;

/**
 * Rows of a batch in groups of like length. A transformer's work grows with the longest text that it is given, and most captions
 * are half as long as a batch's longest: group by group it does little more than half of it.
 * @returns the numbers of the rows of each group
 */
export function groupByLength(lengths: readonly number[]): number[][] {
  const sorted = [...lengths.keys()].sort((a, b) => lengths[a]! - lengths[b]!);
  const size = Math.ceil(sorted.length / GROUPS);
  return Array.from({ length: Math.ceil(sorted.length / size) }, (_, g) => sorted.slice(g * size, (g + 1) * size));
}

/** Where each row is found once the groups stand one after another. */
export function placesOf(groups: readonly (readonly number[])[]): number[] {
  const places: number[] = [];
  for (const [place, row] of groups.flat().entries()) places[row] = place;
  return places;
}
