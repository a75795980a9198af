import type { Tensor } from '../tensor.ts';
import type { Schedule } from './schedule.ts';

/**
 * One evaluation of the network at timestep t, guidance already applied: the raw prediction (ε, x0 or v, as the
 * schedule's prediction type says), with twice the channels of x where the network predicts a variance too.
 * Samplers wait for it, so whoever runs many pictures can gather the evaluations that are pending into one batch.
 */
export type Denoiser = (x: Tensor, t: number) => Promise<Tensor>;

/**
 * Draws one picture, or a batch that shares its timesteps, from x ~ N(0, `schedule.initNoiseSigma`²), or from a
 * noised picture on a schedule that starts later.
 * @param x (B, C, H, W) or (B, D), not changed
 * @returns the sample at the end of the schedule, of x's shape
 * @throws  the reason of `options.signal` when it is aborted; it's looked at before every evaluation
 */
export type Sampler = (denoise: Denoiser, x: Tensor, schedule: Schedule, options: SamplerOptions) => Promise<Tensor>;

interface SamplerOptions {
  /** The next standard normal numbers of the picture's own generator, of x's shape. */
  readonly noise: () => Tensor;
  /** DDIM: 0 deterministic (the default) … 1 as random as DDPM. */
  readonly eta?: number;
  /**
   * DDIM: where x0 was clipped, ε is what is then left of x, and not as predicted. diffusers' option of that name; only
   * with it can a way through clipped predictions be gone back.
   */
  readonly useClippedModelOutput?: boolean;
  /**
   * What x becomes before the next step: inpainting puts the part of the picture that is kept back.
   * @param x         after a step, on the sampler's own scale
   * @param alphaBar  ᾱ that the next step begins with; 1 after the last
   */
  readonly afterStep?: (x: Tensor, alphaBar: number) => Tensor;
  readonly signal?: AbortSignal;
  readonly onStep?: (report: StepReport) => void;
}

/** x for the step after `index`. */
export function afterStep(x: Tensor, index: number, schedule: Schedule, options: SamplerOptions): Tensor {
  return options.afterStep?.(x, schedule.steps[index + 1]?.alphaBar ?? 1) ?? x;
}

/** What one evaluation of the network led to. */
export interface StepReport {
  /** Counts evaluations from 0. */
  readonly step: number;
  /** How many evaluations there will be: one for each step of the schedule, with Heun 2N − 1. */
  readonly steps: number;
  /** The timestep that the network was told. */
  readonly t: number;
  /** x before the step, on the sampler's own scale. */
  readonly sample: Tensor;
  /** What `denoise` returned. */
  readonly modelOutput: Tensor;
  /** x after the step. */
  readonly prevSample: Tensor;
  /** The clean sample as predicted now, after clipping: what a preview shows. */
  readonly x0: Tensor;
}
