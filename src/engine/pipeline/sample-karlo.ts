import { withGuidance } from '../diffusion/guidance.ts';
import type { StepReport } from '../diffusion/sampler.ts';
import type { Scheduler } from '../diffusion/scheduler.ts';
import { resizeBicubic } from '../images/resample.ts';
import type { TorchGenerator } from '../random/torch-generator.ts';
import { concatChannels, concatRows, firstChannels, type Tensor, tensor } from '../tensor.ts';
import { stackTexts, type TextCondition } from './clip.ts';
import type { Karlo } from './karlo.ts';
import { begin, type Origin } from './origin.ts';

interface SamplingRequest {
  readonly steps: number;
  readonly generator: TorchGenerator;
  readonly signal?: AbortSignal;
  readonly onStep?: (report: StepReport) => void;
}

export interface KarloDecoderRequest extends SamplingRequest {
  /** z_i, (R, E): a row a picture. */
  readonly imageEmbedding: Tensor;
  /** The caption, R rows; the empty one for variations of a picture. */
  readonly text: TextCondition;
  /** What guidance leads away from, beside the learned stand-in for z_i: R rows. */
  readonly unconditional: TextCondition;
  readonly scheduler: Scheduler;
  /** 1 or less: no guidance. */
  readonly guidanceScale: number;
  /** 0 … 1, see `guide`. */
  readonly guidanceRescale?: number;
  /** Of DDIM. */
  readonly eta?: number;
  /** Of DDIM; so must both be that are to undo each other, an inversion and the drawing from what it found. */
  readonly useClippedModelOutput?: boolean;
  /** Of the small picture; the model's own when absent. */
  readonly height?: number;
  readonly width?: number;
  /** x_T of that shape, in place of the generator's first noise. */
  readonly start?: Tensor;
  /** Small pictures (R, 3, h, w) to change. */
  readonly origin?: Origin;
}

/**
 * The decoder, Ramesh et al. 2022, section 2.1: x ~ P(x | z_i, y), small pictures (R, 3, h, w) about [−1, 1].
 * z_i is added to the time embedding and stands before the caption's tokens.
 */
export async function sampleKarloDecoder(model: Karlo, request: KarloDecoderRequest): Promise<Tensor> {
  const { scheduler, guidanceScale, guidanceRescale, generator, imageEmbedding } = request;
  const { height = model.smallSize, width = model.smallSize } = request;
  const guided = guidanceScale > 1;
  const condition = await projectCondition(model, request, guided);
  const network = async (sample: Tensor, t: number) => {
    const output = await model.decoder.predict({ sample, timestep: timesteps(sample, t), ...condition });
    return scheduler.learnsVariance ? output : firstChannels(output, sample.shape[1]!);
  };

  const shape = [imageEmbedding.shape[0]!, model.decoder.config.in_channels, height, width];
  const noise = () => generator.randn(shape);
  const { schedule, x } = begin(scheduler, request.steps, request.start ?? noise(), request.origin);
  const denoise = guided ? withGuidance(network, guidanceScale, guidanceRescale) : network;
  return scheduler.sampler(denoise, x, schedule, {
    noise,
    eta: request.eta,
    useClippedModelOutput: request.useClippedModelOutput,
    signal: request.signal,
    onStep: request.onStep,
  });
}

/** additive, context and its mask, where the tokens made of z_i are never padding. */
async function projectCondition(model: Karlo, request: KarloDecoderRequest, guided: boolean) {
  const { textProjection } = model;
  const { imageEmbedding } = request;
  const nothing = Array<Tensor>(imageEmbedding.shape[0]!).fill(textProjection.unconditional);
  const { textMask, ...text } = guided ? stackTexts([request.unconditional, request.text]) : request.text;
  const projected = await textProjection.project({
    imageEmbedding: guided ? concatRows([...nothing, imageEmbedding]) : imageEmbedding,
    ...text,
  });
  const [rowCount, tokens] = textMask.shape as [number, number];
  const extra = textProjection.config.clip_extra_context_tokens;
  const contextMask = new Float32Array(rowCount * (extra + tokens)).fill(1);
  for (let row = 0; row < rowCount; row++) {
    contextMask.set(textMask.data.subarray(row * tokens, (row + 1) * tokens), row * (extra + tokens) + extra);
  }
  return { ...projected, contextMask: tensor(contextMask, [rowCount, extra + tokens]) };
}

/**
 * The upsampler: pictures (R, 3, H, W) about [−1, 1] ~ P(x | small picture). No text, no guidance.
 * Differs from the paper: one of its two, in few steps, the last of which has a network of its own (Karlo).
 * @param small  (R, 3, h, w), clipped to [−1, 1]
 */
export async function upsample(model: Karlo, small: Tensor, request: SamplingRequest): Promise<Tensor> {
  const { superResScheduler: scheduler, pictureSize, smallSize } = model;
  const [height, width] = small.shape.slice(2).map((side) => (side * pictureSize) / smallSize) as [number, number];
  const clipped = tensor(
    small.data.map((value) => Math.min(Math.max(value, -1), 1)),
    small.shape,
  );
  const enlarged = resizeBicubic(clipped, height, width);
  const noise = () => request.generator.randn(enlarged.shape);
  const { schedule, x } = begin(scheduler, request.steps, noise());
  const last = schedule.steps.at(-1)!.t;
  const network = async (picture: Tensor, t: number) => {
    const unet = t === last ? model.superResLast : model.superResFirst;
    const sample = concatChannels([picture, enlarged]);
    const output = await unet.predict({ sample, timestep: timesteps(sample, t) });
    return scheduler.learnsVariance ? output : firstChannels(output, picture.shape[1]!);
  };
  return scheduler.sampler(network, x, schedule, { noise, signal: request.signal, onStep: request.onStep });
}

const timesteps = ({ shape }: Tensor, t: number) => Array<number>(shape[0]!).fill(t);
