import { InputError } from '../../errors.ts';
import type { Tensor } from '../tensor.ts';
import { combine } from './combine.ts';
import type { SchedulerConfig } from './scheduler-config.ts';
import { sigmaFromAlphaBar } from './sigmas.ts';
import { layOutSteps, type Step } from './steps.ts';

/** The noise levels that a sampler walks through, and how it reads the network's output. */
export interface Schedule {
  readonly config: SchedulerConfig;
  readonly steps: readonly Step[];
  /** Standard deviation of the noise that sampling starts from. */
  readonly initNoiseSigma: number;
  /** How many steps lead from pure noise to the end, those before `start` included. */
  readonly count: number;
}

/**
 * Lays out the steps for a scheduler.
 * @param count  how many, 1 … training timesteps
 * @param start  index of the first one to take: those before it are left out (to start from a noised picture)
 * @throws InputError when that many steps, or such a start, don't fit into the schedule
 */
export function createSchedule(config: SchedulerConfig, count: number, start = 0): Schedule {
  const { num_train_timesteps: most } = config;
  if (!Number.isInteger(count) || count < 1 || count > most) {
    throw new InputError(`steps must be a whole number from 1 to ${most}, not ${count}`);
  }
  if (!Number.isInteger(start) || start < 0 || start >= count) {
    throw new InputError(`the first step must be a whole number from 0 to ${count - 1}, not ${start}`);
  }
  const steps = layOutSteps(config, count);
  if (steps.some(({ t }) => t > most - 1)) {
    throw new InputError(`steps must be fewer than ${count}: with steps_offset they go beyond timestep ${most - 1}`);
  }
  return { config, steps: steps.slice(start), initNoiseSigma: initNoiseSigma(config, steps), count };
}

/** Standard deviation of x before the first step: samplers on the scale of x/√ᾱ begin with σ, the others with 1. */
function initNoiseSigma(config: SchedulerConfig, [first]: readonly Step[]): number {
  if (!WORKS_ON_SIGMA.has(config._class_name)) return 1;
  const sigma = sigmaFromAlphaBar(first!.alphaBar);
  return config.timestep_spacing === 'leading' ? Math.sqrt(sigma ** 2 + 1) : sigma;
}

/** A clean sample with noise, as a step that begins with ᾱ expects it: √ᾱ·x0 + √(1−ᾱ)·ε, or on the scale of x/√ᾱ. */
export function addNoise({ config }: Schedule, x0: Tensor, noise: Tensor, alphaBar: number): Tensor {
  return WORKS_ON_SIGMA.has(config._class_name)
    ? combine([1, x0], [sigmaFromAlphaBar(alphaBar), noise])
    : combine([Math.sqrt(alphaBar), x0], [Math.sqrt(1 - alphaBar), noise]);
}

/**
 * Where a picture comes in that is to be changed and not drawn anew: the last ⌊strength·count⌋ steps are taken.
 * @param strength  0 … 1, how much of the picture is noise at the start
 * @returns index of the first step
 * @throws InputError for a strength out of range, or one that leaves no step
 */
export function firstStep(count: number, strength: number): number {
  if (!(strength >= 0 && strength <= 1)) throw new InputError(`strength must be a number from 0 to 1, not ${strength}`);
  const taken = Math.floor(count * strength);
  if (taken > 0) return count - taken;
  throw new InputError(`strength ${strength} leaves none of ${count} steps: expected at least ${1 / count}`);
}

const WORKS_ON_SIGMA = new Set<string>([
  'EulerDiscreteScheduler',
  'EulerAncestralDiscreteScheduler',
  'HeunDiscreteScheduler',
]);
