import { withGuidance } from '../diffusion/guidance.ts';
import type { StepReport } from '../diffusion/sampler.ts';
import type { Scheduler } from '../diffusion/scheduler.ts';
import type { TorchGenerator } from '../random/torch-generator.ts';
import { concatChannels, concatRows, firstChannels, type Tensor } from '../tensor.ts';
import { type KeptPart, keepPart, keptChannels } from './inpaint.ts';
import { isForInpainting, type Kandinsky } from './kandinsky.ts';
import { begin, type Origin } from './origin.ts';

export interface DecoderRequest {
  /** z_i, (R, E): a row a picture. */
  readonly imageEmbedding: Tensor;
  /** What guidance leads away from, (R, E). */
  readonly negativeEmbedding: Tensor;
  /** In pixels. */
  readonly height: number;
  readonly width: number;
  readonly scheduler: Scheduler;
  readonly steps: number;
  /** 1 or less: no guidance. */
  readonly guidanceScale: number;
  /** 0 … 1, see `guide`. */
  readonly guidanceRescale?: number;
  /** Of DDIM. */
  readonly eta?: number;
  /** Of DDIM; so must both be that are to undo each other, an inversion and the drawing from what it found. */
  readonly useClippedModelOutput?: boolean;
  /** x_T of that shape, in place of the generator's first noise. */
  readonly start?: Tensor;
  /** Latents (R, C, h, w) of a picture to change. */
  readonly origin?: Origin;
  /** Part of a picture that stays. */
  readonly kept?: KeptPart;
  readonly generator: TorchGenerator;
  readonly signal?: AbortSignal;
  readonly onStep?: (report: StepReport) => void;
}

/**
 * The decoder, Ramesh et al. 2022, section 2.1: latents ~ P(x | z_i), (R, C, h, w).
 * Differs from the paper: it draws latents of a MoVQ, and z_i alone conditions it, without the caption (Kandinsky 2.2).
 */
export async function sampleDecoder(model: Kandinsky, request: DecoderRequest): Promise<Tensor> {
  const { imageEmbedding, negativeEmbedding, scheduler, guidanceScale, guidanceRescale, kept, generator } = request;
  const shape = latentShape(model, imageEmbedding.shape[0]!, request.height, request.width);
  const guided = guidanceScale > 1;
  const condition = guided ? concatRows([negativeEmbedding, imageEmbedding]) : imageEmbedding;
  const beside = isForInpainting(model) ? keptChannels(kept, [condition.shape[0]!, ...shape.slice(1)]) : undefined;
  const network = async (x: Tensor, t: number) => {
    const sample = beside ? concatChannels([x, beside]) : x;
    const timestep = Array<number>(x.shape[0]!).fill(t);
    const output = await model.unet.predict({ sample, timestep, imageEmbedding: condition });
    return scheduler.learnsVariance ? output : firstChannels(output, x.shape[1]!);
  };

  const noise = () => generator.randn(shape);
  const start = request.start ?? noise();
  const { schedule, x } = begin(scheduler, request.steps, start, request.origin);
  return scheduler.sampler(guided ? withGuidance(network, guidanceScale, guidanceRescale) : network, x, schedule, {
    noise,
    eta: request.eta,
    useClippedModelOutput: request.useClippedModelOutput,
    afterStep: kept && keepPart(kept, start, schedule),
    signal: request.signal,
    onStep: request.onStep,
  });
}

/** Kandinsky's latents are a multiple of the MoVQ's scale on each side: h = ⌈H/s²⌉·s. */
export function latentShape(model: Kandinsky, rowCount: number, height: number, width: number): number[] {
  const side = (pixels: number) => Math.ceil(pixels / model.movqScale ** 2) * model.movqScale;
  return [rowCount, model.movq.config.latent_channels, side(height), side(width)];
}
