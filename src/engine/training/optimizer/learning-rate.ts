/** Linear warm-up, then half a cosine down to `floor` of the peak at step `horizon`, and so on from there. */
export function learningRateAt(
  step: number,
  c: { peak: number; warmup: number; horizon: number; floor: number },
): number {
  const progress = Math.min(1, step / c.horizon);
  const cosine = c.floor + (1 - c.floor) * 0.5 * (1 + Math.cos(Math.PI * progress));
  return c.peak * Math.min(1, step / c.warmup) * cosine;
}
