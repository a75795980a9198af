/** Of a peak, for what is trained already: all of it would cost a network much of what it knows. */
export const OF_TRAINED = 1 / 3;

/**
 * Linear warm-up, then half a cosine down to `floor` of the peak, and so on from there.
 * @param progress  of what is planned: the floor is reached at 1
 */
export function learningRateAt(
  step: number,
  progress: number,
  c: { peak: number; warmup: number; floor: number },
): number {
  const cosine = c.floor + (1 - c.floor) * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, progress)));
  return c.peak * Math.min(1, step / c.warmup) * cosine;
}
