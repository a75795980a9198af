import type { SamplerName } from '../../recipe.ts';
import type { Sampler } from './sampler.ts';
import type { Schedule } from './schedule.ts';

/** A sampler with the noise schedule that its model was trained on. */
export interface Scheduler {
  /** What `withSampler` calls this one. */
  readonly name: SamplerName;
  readonly sampler: Sampler;
  /** Does the network predict a variance that the sampler uses (in the second half of its channels)? */
  readonly learnsVariance: boolean;
  /** @throws InputError unless steps is a whole number from 1 to the number of training timesteps */
  schedule(steps: number): Schedule;
  /** The same noise schedule and prediction type with another sampler. */
  withSampler(name: SamplerName): Scheduler;
}

/**
 * Reads a diffusers `scheduler_config.json`.
 * @param where names the file in messages
 * @throws InputError for an unknown class, or an unknown key or value that would change the result
 */
export declare function schedulerFromConfig(config: unknown, where: string): Scheduler;
