import { z } from 'zod';
import { ConfigError, count, only, parseConfig, unread } from '../weights/config.ts';

const flag = (value: boolean) => z.boolean().default(value);

/** How the noise grew in training, and what the network learned to predict from it. */
const training = (betaStart: number, betaEnd: number) => ({
  num_train_timesteps: count().default(1000),
  beta_start: z.number().positive().default(betaStart),
  beta_end: z.number().positive().lt(1).default(betaEnd),
  beta_schedule: z.enum(['linear', 'scaled_linear', 'squaredcos_cap_v2']).default('linear'),
  trained_betas: z.array(z.number()).nullable().default(null),
  prediction_type: z.enum(['epsilon', 'sample', 'v_prediction']).default('epsilon'),
});
const zeroSnr = { rescale_betas_zero_snr: flag(false) };
const spacing = (preset: 'leading' | 'linspace') => ({
  timestep_spacing: z.enum(['leading', 'trailing', 'linspace']).default(preset),
  steps_offset: z.int().nonnegative().default(0),
});
const clipping = (preset: boolean) => ({
  clip_sample: flag(preset),
  clip_sample_range: z.number().positive().default(1),
});
const thresholding = {
  thresholding: flag(false),
  dynamic_thresholding_ratio: z.number().min(0).max(1).default(0.995),
  sample_max_value: z.number().min(1).default(1),
};
const sigmaSpacing = {
  use_karras_sigmas: flag(false),
  use_exponential_sigmas: flag(false),
  use_beta_sigmas: only(false),
};
const finalSigma = { final_sigmas_type: z.enum(['zero', 'sigma_min']).default('zero') };

/** The schedulers of diffusers that are implemented, each with its own keys and defaults. */
const SCHEMAS = {
  UnCLIPScheduler: z.strictObject({
    num_train_timesteps: count().default(1000),
    variance_type: z.enum(['fixed_small_log', 'learned_range']).default('fixed_small_log'),
    ...clipping(true),
    prediction_type: z.enum(['epsilon', 'sample']).default('epsilon'),
    beta_schedule: only('squaredcos_cap_v2'),
  }),
  DDPMScheduler: z.strictObject({
    ...training(0.0001, 0.02),
    variance_type: z.enum(['fixed_small', 'fixed_small_log', 'fixed_large', 'learned_range']).default('fixed_small'),
    ...clipping(true),
    ...thresholding,
    ...spacing('leading'),
    ...zeroSnr,
  }),
  DDIMScheduler: z.strictObject({
    ...training(0.0001, 0.02),
    ...clipping(true),
    ...thresholding,
    set_alpha_to_one: flag(true),
    ...spacing('leading'),
    ...zeroSnr,
  }),
  DDIMInverseScheduler: z.strictObject({
    ...training(0.0001, 0.02),
    ...clipping(true),
    set_alpha_to_one: flag(true),
    timestep_spacing: z.enum(['leading', 'trailing']).default('leading'),
    steps_offset: z.int().nonnegative().default(0),
    ...zeroSnr,
  }),
  DPMSolverMultistepScheduler: z.strictObject({
    ...training(0.0001, 0.02),
    ...thresholding,
    solver_order: z.int().min(1).max(3).default(2),
    algorithm_type: z.enum(['dpmsolver++', 'sde-dpmsolver++']).default('dpmsolver++'),
    solver_type: z.enum(['midpoint', 'heun']).default('midpoint'),
    lower_order_final: flag(true),
    euler_at_final: flag(false),
    ...sigmaSpacing,
    use_lu_lambdas: flag(false),
    use_flow_sigmas: only(false),
    flow_shift: unread(),
    ...finalSigma,
    lambda_min_clipped: z.union([z.number(), z.literal(Number.NEGATIVE_INFINITY)]).default(Number.NEGATIVE_INFINITY),
    variance_type: z.enum(['learned', 'learned_range']).nullable().default(null),
    ...spacing('linspace'),
    ...zeroSnr,
    use_dynamic_shifting: only(false),
    time_shift_type: unread(),
  }),
  EulerDiscreteScheduler: z.strictObject({
    ...training(0.0001, 0.02),
    interpolation_type: only('linear'),
    ...sigmaSpacing,
    sigma_min: z.number().positive().nullable().default(null),
    sigma_max: z.number().positive().nullable().default(null),
    ...spacing('linspace'),
    timestep_type: only('discrete'),
    ...zeroSnr,
    ...finalSigma,
  }),
  EulerAncestralDiscreteScheduler: z.strictObject({
    ...training(0.0001, 0.02),
    ...spacing('linspace'),
    ...zeroSnr,
  }),
  HeunDiscreteScheduler: z.strictObject({
    ...training(0.00085, 0.012),
    ...sigmaSpacing,
    ...clipping(false),
    ...spacing('linspace'),
  }),
};

export type SchedulerClass = keyof typeof SCHEMAS;

/**
 * diffusers keeps the keys of a model's former scheduler beside those of the present one, which never reads them.
 * Only keys that no scheduler knows are refused.
 */
const FOREIGN_KEYS = new Set([...Object.values(SCHEMAS).flatMap(({ shape }) => Object.keys(shape)), 'skip_prk_steps']);

/** What a class without such a key does. */
const NEUTRAL = {
  beta_start: 0.0001,
  beta_end: 0.02,
  trained_betas: null as number[] | null,
  rescale_betas_zero_snr: false,
  clip_sample: false,
  clip_sample_range: 1,
  thresholding: false,
  dynamic_thresholding_ratio: 0.995,
  sample_max_value: 1,
  // UnCLIP has a spacing of its own; this is for other samplers on its noise.
  timestep_spacing: 'trailing' as 'leading' | 'trailing' | 'linspace',
  steps_offset: 0,
  variance_type: null as 'fixed_small' | 'fixed_small_log' | 'fixed_large' | 'learned' | 'learned_range' | null,
  set_alpha_to_one: true,
  use_karras_sigmas: false,
  use_exponential_sigmas: false,
  use_lu_lambdas: false,
  sigma_min: null as number | null,
  sigma_max: null as number | null,
  final_sigmas_type: 'zero' as 'zero' | 'sigma_min',
  lambda_min_clipped: Number.NEGATIVE_INFINITY,
  solver_order: 2,
  algorithm_type: 'dpmsolver++' as 'dpmsolver++' | 'sde-dpmsolver++',
  solver_type: 'midpoint' as 'midpoint' | 'heun',
  lower_order_final: true,
  euler_at_final: false,
};

/** Settings of any scheduler, under diffusers' names; those that a class lacks have the value that leaves it as it is. */
export type SchedulerConfig = Readonly<typeof NEUTRAL> & {
  readonly _class_name: SchedulerClass;
  readonly num_train_timesteps: number;
  readonly beta_schedule: 'linear' | 'scaled_linear' | 'squaredcos_cap_v2';
  readonly prediction_type: 'epsilon' | 'sample' | 'v_prediction';
};

/**
 * Checks a parsed diffusers `scheduler_config.json`.
 * @param where  shown in messages, such as `scheduler/scheduler_config.json`
 * @throws ConfigError for an unknown class, key or value, and for settings that contradict each other
 */
export function parseSchedulerConfig(json: unknown, where: string): SchedulerConfig {
  const className = (json as { _class_name?: unknown } | null)?._class_name;
  if (typeof className !== 'string' || !Object.hasOwn(SCHEMAS, className)) {
    const known = Object.keys(SCHEMAS).join(', ');
    throw new ConfigError(`${where}: _class_name: expected one of ${known}, found ${JSON.stringify(className)}`);
  }
  const _class_name = className as SchedulerClass;
  const schema = SCHEMAS[_class_name];
  const read = Object.entries(json as object).filter(([key]) => key in schema.shape || !FOREIGN_KEYS.has(key));
  const settings = parseConfig<z.ZodType<object>>(schema, Object.fromEntries(read), where);
  const config = { ...NEUTRAL, ...settings, _class_name } as SchedulerConfig;
  const conflict = contradiction(config);
  if (conflict) throw new ConfigError(`${where}: ${conflict}`);
  return Object.freeze(config);
}

function contradiction(config: SchedulerConfig): string | undefined {
  const { trained_betas, num_train_timesteps, solver_order, algorithm_type } = config;
  if (trained_betas && trained_betas.length !== num_train_timesteps) {
    return `trained_betas: expected num_train_timesteps = ${num_train_timesteps} numbers, found ${trained_betas.length}`;
  }
  if (config.use_karras_sigmas && config.use_exponential_sigmas) {
    return 'expected one of use_karras_sigmas and use_exponential_sigmas, found both';
  }
  if (config.timestep_spacing === 'trailing' && config.lambda_min_clipped > Number.NEGATIVE_INFINITY) {
    return `lambda_min_clipped: expected -Infinity with trailing timesteps, found ${config.lambda_min_clipped}`;
  }
  // Differs from diffusers: its third-order SDE update leaves a term that doesn't vanish with the step size.
  if (solver_order === 3 && algorithm_type === 'sde-dpmsolver++') {
    return 'solver_order: expected 1 or 2 for sde-dpmsolver++, found 3';
  }
  return undefined;
}
