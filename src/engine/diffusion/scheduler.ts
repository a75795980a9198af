import { InputError } from '../../errors.ts';
import { SAMPLERS, type SamplerName } from '../../recipe.ts';
import { shortPath } from '../weights/safetensors.ts';
import type { Sampler } from './sampler.ts';
import { sampleDdim } from './samplers/ddim.ts';
import { sampleDdpm } from './samplers/ddpm.ts';
import { sampleDpmSolver } from './samplers/dpm-solver.ts';
import { sampleEuler, sampleEulerAncestral } from './samplers/euler.ts';
import { sampleHeun } from './samplers/heun.ts';
import { createSchedule, type Schedule } from './schedule.ts';
import { parseSchedulerConfig, type SchedulerClass, type SchedulerConfig } from './scheduler-config.ts';

/** A sampler with the noise schedule that its model was trained on. */
export interface Scheduler {
  /** What a person calls this sampler. */
  readonly name: SamplerName;
  readonly sampler: Sampler;
  /** Does the sampler use the variance that the network predicts in the second half of its channels? */
  readonly learnsVariance: boolean;
  /**
   * Lays out the steps.
   * @param count  how many
   * @param start  index of the first one to take, to start from a noised picture
   * @throws InputError unless count is a whole number from 1 to the number of training timesteps
   */
  schedule(count: number, start?: number): Schedule;
  /**
   * Another sampler on the same noise: training schedule, prediction type, spacing and clipping stay.
   * `ddim-inverse` walks from the clean sample towards noise.
   */
  withSampler(name: SamplerName | 'ddim-inverse'): Scheduler;
  /**
   * Dynamic thresholding of the clean sample as predicted, in place of clipping.
   * @param quantile  0 … 1, of the absolute values
   */
  withThresholding(quantile: number): Scheduler;
}

/**
 * Reads a parsed diffusers `scheduler_config.json`.
 * @param where  names the file in messages
 * @throws ConfigError for an unknown class, or an unknown key or value that would change the result
 */
export function schedulerFromConfig(json: unknown, where: string): Scheduler {
  return createScheduler(parseSchedulerConfig(json, where), shortPath(where));
}

const SAMPLER_OF: Record<SchedulerClass, Sampler> = {
  UnCLIPScheduler: sampleDdpm,
  DDPMScheduler: sampleDdpm,
  DDIMScheduler: sampleDdim,
  DDIMInverseScheduler: sampleDdim,
  DPMSolverMultistepScheduler: sampleDpmSolver,
  EulerDiscreteScheduler: sampleEuler,
  EulerAncestralDiscreteScheduler: sampleEulerAncestral,
  HeunDiscreteScheduler: sampleHeun,
};

const dpmSolver = (algorithm_type: SchedulerConfig['algorithm_type'], use_karras_sigmas: boolean) =>
  ({ _class_name: 'DPMSolverMultistepScheduler', algorithm_type, use_karras_sigmas }) as const;

/** What a sampler's name stands for. */
const SETTINGS: Record<SamplerName | 'ddim-inverse', Partial<SchedulerConfig>> = {
  unclip: { _class_name: 'UnCLIPScheduler' },
  ddpm: { _class_name: 'DDPMScheduler' },
  ddim: { _class_name: 'DDIMScheduler' },
  'ddim-inverse': { _class_name: 'DDIMInverseScheduler' },
  'dpmpp-2m': dpmSolver('dpmsolver++', false),
  'dpmpp-2m-karras': dpmSolver('dpmsolver++', true),
  'dpmpp-2m-sde': dpmSolver('sde-dpmsolver++', false),
  'dpmpp-2m-sde-karras': dpmSolver('sde-dpmsolver++', true),
  euler: { _class_name: 'EulerDiscreteScheduler' },
  'euler-ancestral': { _class_name: 'EulerAncestralDiscreteScheduler' },
  heun: { _class_name: 'HeunDiscreteScheduler' },
};

/** @param where  the file that says how many steps there can be, for messages */
function createScheduler(config: SchedulerConfig, where: string): Scheduler {
  const sampler = SAMPLER_OF[config._class_name];
  return {
    name: nameOf(config),
    sampler,
    learnsVariance: sampler === sampleDdpm && config.variance_type === 'learned_range',
    schedule(count, start) {
      try {
        return createSchedule(config, count, start);
      } catch (error) {
        throw error instanceof InputError ? new InputError(`${where}: ${error.message}`) : error;
      }
    },
    withSampler: (name) => createScheduler({ ...config, ...SETTINGS[name] }, where),
    withThresholding: (quantile) =>
      createScheduler(
        {
          ...config,
          thresholding: true,
          dynamic_thresholding_ratio: quantile,
          sample_max_value: Number.POSITIVE_INFINITY,
        },
        where,
      ),
  };
}

function nameOf(config: SchedulerConfig): SamplerName {
  const fits = (settings: Partial<SchedulerConfig>) =>
    Object.entries(settings).every(([key, value]) => config[key as keyof SchedulerConfig] === value);
  // The one class without a name of its own, DDIMInverseScheduler, is DDIM towards noise.
  return SAMPLERS.find((name) => fits(SETTINGS[name])) ?? 'ddim';
}
