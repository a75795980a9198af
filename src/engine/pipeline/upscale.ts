import type { Denoiser, StepReport } from '../diffusion/sampler.ts';
import { type Scheduler, schedulerFromConfig } from '../diffusion/scheduler.ts';
import { resizeBicubic } from '../images/resample.ts';
import type { TorchGenerator } from '../random/torch-generator.ts';
import { concatChannels, type Tensor, tensor } from '../tensor.ts';
import { begin } from './origin.ts';

/** How many times as wide and high a picture becomes. */
export const UPSCALE = 4;
/** What the bicubic picture lacks is small: so many times as large it spreads about as the noise does. */
export const DETAIL_GAIN = 4;
/** Of the diffusion: few, each is a run of a network on a large picture. */
export const UPSCALE_STEPS = 3;

/** On the paper's cosine schedule; the network predicts the detail itself, which few steps need. */
export const UPSCALE_SCHEDULER = {
  _class_name: 'DDIMScheduler',
  beta_schedule: 'squaredcos_cap_v2',
  clip_sample: false,
  num_train_timesteps: 1000,
  prediction_type: 'sample',
  timestep_spacing: 'trailing',
} as const;

export interface UpscaleOptions {
  readonly generator: TorchGenerator;
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((report: StepReport) => void) | undefined;
}

const scheduler: Scheduler = schedulerFromConfig(UPSCALE_SCHEDULER, 'upsampler');

/**
 * A picture 4 times as large: x ~ P(x | small picture), Ramesh et al. 2022, section 2.1. No text, no guidance.
 * Differs from the paper: what is drawn is the detail that the bicubic picture lacks (SRDiff, Li et al. 2022), so that a
 * small network and few steps do.
 * @param predict  [noised detail ∥ enlarged picture] (1, 2C, H, W), t → detail (1, C, H, W)
 * @param small    (1, C, h, w) about [−1, 1], clipped to it
 * @returns (1, C, 4h, 4w)
 */
export async function upscale(predict: Denoiser, small: Tensor, options: UpscaleOptions): Promise<Tensor> {
  const enlarged = enlarge(small);
  const noise = () => options.generator.randn(enlarged.shape);
  const { schedule, x } = begin(scheduler, UPSCALE_STEPS, noise());
  const denoise: Denoiser = (detail, t) => predict(concatChannels([detail, enlarged]), t);
  const { signal, onStep } = options;
  const detail = await scheduler.sampler(denoise, x, schedule, { noise, signal, onStep });
  const data = enlarged.data.map((value, i) => value + detail.data[i]! / DETAIL_GAIN);
  return tensor(data, enlarged.shape);
}

/** Bicubic, of what is clipped to [−1, 1]. (B, C, h, w) → (B, C, 4h, 4w) */
export function enlarge({ data, shape }: Tensor): Tensor {
  const [height, width] = shape.slice(2) as [number, number];
  const clipped = tensor(
    data.map((value) => Math.min(Math.max(value, -1), 1)),
    shape,
  );
  return resizeBicubic(clipped, UPSCALE * height, UPSCALE * width);
}
