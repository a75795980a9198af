import { InputError } from '../../errors.ts';
import { alphasCumprod, trainingBetas } from './alphas-cumprod.ts';
import type { SchedulerConfig } from './scheduler-config.ts';
import { alphaBarFromSigma, exponentialSigmas, karrasSigmas, sigmaAt, timestepAt, trainingSigmas } from './sigmas.ts';
import { roundHalfEven, spacedTimesteps } from './timesteps.ts';

/** One step of sampling: from one noise level to the next. */
export interface Step {
  /** What the network is told. */
  readonly t: number;
  /** ᾱ of the sample that the step begins with. */
  readonly alphaBar: number;
  /** ᾱ of the sample that it ends with. */
  readonly alphaBarNext: number;
  /** β = 1 − ᾱ/ᾱ', the noise that the forward process adds between the two. */
  readonly beta: number;
}

/** The steps that diffusers' scheduler of that class takes: `count` of them. */
export const layOutSteps = (config: SchedulerConfig, count: number): Step[] =>
  LAYOUTS[config._class_name](config, count);

const LAYOUTS: Record<SchedulerConfig['_class_name'], (config: SchedulerConfig, count: number) => Step[]> = {
  UnCLIPScheduler: layOutUnclip,
  DDPMScheduler: (config, count) => layOutAncestral(config, wholeTimesteps(config, count)),
  DDIMScheduler: layOutDdim,
  DDIMInverseScheduler: layOutInversion,
  DPMSolverMultistepScheduler: layOutDpmSolver,
  EulerDiscreteScheduler: layOutSigmas,
  EulerAncestralDiscreteScheduler: layOutSigmas,
  HeunDiscreteScheduler: layOutSigmas,
};

const wholeTimesteps = (config: SchedulerConfig, count: number) =>
  spacedTimesteps(config.timestep_spacing, count, config.num_train_timesteps, config.steps_offset).map(roundHalfEven);

/** The quotient is rounded to float32, as in diffusers: it's so near 1 that the rounding shows in β. */
const createStep = (t: number, alphaBar: number, alphaBarNext: number): Step => ({
  t,
  alphaBar,
  alphaBarNext,
  beta: 1 - Math.fround(alphaBar / alphaBarNext),
});

/** Each step leads to the timestep of the next one, the last to the clean sample. */
function layOutAncestral(config: SchedulerConfig, timesteps: readonly number[]): Step[] {
  const alphaBars = alphasCumprod(config);
  return timesteps.map((t, i) => createStep(t, alphaBars[t]!, alphaBars[timesteps[i + 1] ?? -1] ?? 1));
}

/**
 * UnCLIP visits both ends of training; a single step starts at the noisy one (where diffusers divides by zero).
 * A step of one timestep takes the trained β. Any other is rounded to float32 before 1 − β is computed from it, which
 * makes that 0 where a long step leaves nearly nothing of x.
 */
function layOutUnclip(config: SchedulerConfig, count: number): Step[] {
  const { num_train_timesteps: length } = config;
  const timesteps = count === 1 ? [length - 1] : spacedTimesteps('linspace', count, length, 0).map(roundHalfEven);
  const betas = trainingBetas(config);
  return layOutAncestral(config, timesteps).map((step, i) => {
    const isTrained = step.t - (timesteps[i + 1] ?? -1) === 1;
    return { ...step, beta: isTrained ? betas[step.t]! : Math.fround(step.beta) };
  });
}

/** Each step leads ⌊T/N⌋ timesteps down, whatever the spacing. */
function layOutDdim(config: SchedulerConfig, count: number): Step[] {
  const alphaBars = alphasCumprod(config);
  const stride = Math.floor(config.num_train_timesteps / count);
  const last = config.set_alpha_to_one ? 1 : alphaBars[0]!;
  return wholeTimesteps(config, count).map((t) => createStep(t, alphaBars[t]!, alphaBars[t - stride] ?? last));
}

/** The same steps the other way, from the clean sample towards noise. */
function layOutInversion(config: SchedulerConfig, count: number): Step[] {
  return layOutDdim(config, count)
    .map(({ t, alphaBar, alphaBarNext }) => createStep(t, alphaBarNext, alphaBar))
    .reverse();
}

/** One noise level a timestep, then the last one. */
function layOutSigmas(config: SchedulerConfig, count: number): Step[] {
  const trained = trainingSigmas(alphasCumprod(config));
  const timesteps = spacedTimesteps(config.timestep_spacing, count, config.num_train_timesteps, config.steps_offset);
  const sigmas = timesteps.map((t) => sigmaAt(trained, t));
  const respaced = respace(config, config.sigma_max ?? sigmas[0]!, config.sigma_min ?? sigmas.at(-1)!, count);
  if (!respaced) return stepsBetween(config, trained, timesteps, sigmas);
  return stepsBetween(
    config,
    trained,
    respaced.map((sigma) => timestepAt(trained, sigma)),
    respaced,
  );
}

/** Like the others, but the last timestep is left out, so that N steps have N + 1 ends. */
function layOutDpmSolver(config: SchedulerConfig, count: number): Step[] {
  const trained = trainingSigmas(alphasCumprod(config));
  const respaced = respace(config, trained.at(-1)!, trained[0]!, count);
  if (respaced) {
    const rounded = config.beta_schedule !== 'squaredcos_cap_v2' && !config.use_exponential_sigmas;
    const whole = rounded ? roundHalfEven : Math.trunc;
    return stepsBetween(
      config,
      trained,
      respaced.map((sigma) => whole(timestepAt(trained, sigma))),
      respaced,
    );
  }
  const timesteps = dpmSolverTimesteps(config, trained, count);
  if (new Set(timesteps).size < count) {
    throw new InputError(`steps must be fewer than ${count}: this sampler would visit a timestep twice`);
  }
  return stepsBetween(
    config,
    trained,
    timesteps,
    timesteps.map((t) => trained[t] ?? Number.NaN),
  );
}

/** λ = −ln σ: levels noisier than its limit are never visited. */
function dpmSolverTimesteps(config: SchedulerConfig, trained: Float32Array, count: number): number[] {
  const { timestep_spacing, steps_offset, lambda_min_clipped } = config;
  if (timestep_spacing === 'trailing') return wholeTimesteps(config, count);
  const length = trained.filter((sigma) => -Math.log(sigma) >= lambda_min_clipped).length;
  return spacedTimesteps(timestep_spacing, count + 1, length, steps_offset)
    .slice(0, -1)
    .map(roundHalfEven);
}

function respace(config: SchedulerConfig, max: number, min: number, count: number): number[] | undefined {
  if (config.use_karras_sigmas) return karrasSigmas(max, min, count);
  if (config.use_exponential_sigmas || config.use_lu_lambdas) return exponentialSigmas(max, min, count);
  return undefined;
}

function stepsBetween(
  config: SchedulerConfig,
  trained: Float32Array,
  timesteps: readonly number[],
  sigmas: readonly number[],
): Step[] {
  const last = config.final_sigmas_type === 'zero' ? 0 : trained[0]!;
  return timesteps.map((t, i) =>
    createStep(t, alphaBarFromSigma(sigmas[i]!), alphaBarFromSigma(sigmas[i + 1] ?? last)),
  );
}
