import { alphasCumprod } from '../../diffusion/alphas-cumprod.ts';
import { parseSchedulerConfig, type SchedulerConfig } from '../../diffusion/scheduler-config.ts';
import type { Dice } from '../dice.ts';

/** Scheduler configurations of what is trained, as they are written beside the weights. */
export const DECODER_SCHEDULER = {
  _class_name: 'DDIMScheduler',
  beta_schedule: 'linear',
  beta_start: 0.00085,
  beta_end: 0.012,
  clip_sample: false,
  num_train_timesteps: 1000,
  prediction_type: 'v_prediction',
  set_alpha_to_one: false,
  steps_offset: 1,
  timestep_spacing: 'trailing',
} as const;

export const PRIOR_SCHEDULER = {
  _class_name: 'UnCLIPScheduler',
  clip_sample: true,
  clip_sample_range: 5,
  num_train_timesteps: 1000,
  prediction_type: 'sample',
  variance_type: 'fixed_small_log',
} as const;

/** Noise levels for a batch: x_t = signal·x0 + noise·ε. */
export interface NoiseLevels {
  /** t of each row, whole, 0 … T − 1. */
  readonly timesteps: Float32Array;
  /** √ᾱ of each row. */
  readonly signal: Float32Array;
  /** √(1 − ᾱ) of each row. */
  readonly noise: Float32Array;
}

export type Noising = (rows: number, dice: Dice) => NoiseLevels;

/**
 * Timesteps drawn evenly: row b from the b-th of `rows` equal parts, so that every batch sees all noise levels.
 * @param least  the smallest timestep
 */
export function createNoising(scheduler: object, least = 0): Noising {
  const config: SchedulerConfig = parseSchedulerConfig(scheduler, 'scheduler');
  const alphaBars = alphasCumprod(config);
  return (rows, dice) => {
    const timesteps = Float32Array.from(
      { length: rows },
      (_, b) => least + Math.floor(((b + dice.uniform()) / rows) * (alphaBars.length - least)),
    );
    return {
      timesteps,
      signal: timesteps.map((t) => Math.sqrt(alphaBars[t]!)),
      noise: timesteps.map((t) => Math.sqrt(1 - alphaBars[t]!)),
    };
  };
}
