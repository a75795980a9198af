import { combine } from '../diffusion/combine.ts';
import { addNoise, firstStep, type Schedule } from '../diffusion/schedule.ts';
import type { Scheduler } from '../diffusion/scheduler.ts';
import type { Tensor } from '../tensor.ts';

/** What is changed instead of drawn anew (SDEdit, Meng et al. 2022). */
export interface Origin {
  /** Of the shape that is drawn. */
  readonly sample: Tensor;
  /** 0 … 1, how much of it is noise at the start: the last ⌊strength·steps⌋ steps are taken. */
  readonly strength: number;
}

/**
 * Where sampling begins: at pure noise, or in the middle with a noised origin.
 * @throws InputError for a strength out of range, or one that leaves no step
 */
export function begin(
  scheduler: Scheduler,
  steps: number,
  noise: Tensor,
  origin?: Origin,
): { schedule: Schedule; x: Tensor } {
  if (!origin) {
    const schedule = scheduler.schedule(steps);
    return { schedule, x: combine([schedule.initNoiseSigma, noise]) };
  }
  const schedule = scheduler.schedule(steps, firstStep(steps, origin.strength));
  return { schedule, x: addNoise(schedule, origin.sample, noise, schedule.steps[0]!.alphaBar) };
}
