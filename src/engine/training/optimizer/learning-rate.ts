/** Of a peak, for what is trained already: all of it would cost a network much of what it knows. */
export const OF_TRAINED = 1 / 3;

/** Of what is planned, for the warm-up at most. */
const WARMUP_SHARE = 0.05;

/**
 * Linear warm-up over `warmup` steps, or a twentieth of what is planned where that is less; half a cosine down to `floor` of the
 * peak, and so on from there.
 * @param progress  of what is planned: the floor is reached at 1
 */
export function learningRateAt(
  step: number,
  progress: number,
  c: { peak: number; warmup: number; floor: number },
): number {
  const cosine = c.floor + (1 - c.floor) * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, progress)));
  const warm = Math.max(step / c.warmup, progress / WARMUP_SHARE);
  return c.peak * Math.min(1, warm) * cosine;
}
