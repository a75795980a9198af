import { z } from 'zod';
import { MAX_GUIDANCE_SCALE, MAX_STEPS, type PriorName, type Recipe, type SamplerName } from '../../recipe.ts';
import type { StepReport } from '../diffusion/sampler.ts';
import type { Picture } from '../images/picture.ts';
import type { PrincipalComponents } from '../pca/components.ts';
import type { TorchGenerator } from '../random/torch-generator.ts';
import type { RuntimeOptions } from '../runtime/runtime.ts';
import type { Tensor } from '../tensor.ts';
import type { KeptPart } from './inpaint.ts';
import type { Origin } from './origin.ts';

/** Settings for a request that names none. */
export const Defaults = z.strictObject({
  steps: z.int().min(1).max(MAX_STEPS),
  guidanceScale: z.number().min(0).max(MAX_GUIDANCE_SCALE),
  priorSteps: z.int().min(1).max(MAX_STEPS),
  priorGuidanceScale: z.number().min(0).max(MAX_GUIDANCE_SCALE),
  /** By what `modify` compares texts: CLIP when absent. */
  textDiff: z.literal('prior').optional(),
});
export type Defaults = z.infer<typeof Defaults>;

/** z_i, and what a decoder that knows no text is guided away from; (1, E) each. */
export interface Embedding {
  readonly imageEmbedding: Tensor;
  readonly negativeEmbedding?: Tensor;
}

/** A text that z_i is drawn for. */
export interface TextRequest {
  readonly prompt: string;
  readonly negativePrompt?: string;
  /** The model's default when absent. */
  readonly priorGuidanceScale?: number;
  /** An embedding (1, E) that is changed towards the text. */
  readonly origin?: Origin;
  /** Diffusion when absent. */
  readonly prior?: PriorName;
  /** How many z_i are drawn, of which the nearest to the text is taken; 1 when absent. */
  readonly priorSamples?: number;
}

/** What a recipe tells the decoder in words and numbers. */
type DecoderSettings = Pick<
  Recipe,
  | 'prompt'
  | 'negativePrompt'
  | 'steps'
  | 'guidanceScale'
  | 'guidanceRescale'
  | 'dynamicThresholding'
  | 'eta'
  | 'width'
  | 'height'
>;

/** What the decoder draws. */
export interface DecodeRequest extends DecoderSettings {
  readonly sampler: SamplerName | 'ddim-inverse';
  readonly embedding: Embedding;
  /** Where sampling starts in place of noise, (1, C, h, w). */
  readonly start?: Tensor;
  /** What is changed instead of drawn anew, (1, C, h, w). */
  readonly origin?: Origin;
  readonly kept?: KeptPart;
}

/** In pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface StageHooks {
  /** @throws its reason at the next step when it is aborted */
  readonly signal?: AbortSignal;
  readonly onStep?: (report: StepReport) => void;
}

/** Makes pictures 4 times as large. */
export interface Upscaler {
  readonly steps: number;
  /** @param small (1, C, h, w) in [−1, 1] @returns (1, C, 4h, 4w) */
  upscale(small: Tensor, generator: TorchGenerator, hooks?: StageHooks): Promise<Tensor>;
}

/**
 * A model of the unCLIP family, opened, whatever its networks: P(x | y) = P(z_i | y)·P(x | z_i, y), Ramesh et al. 2022.
 * Each stage draws one picture's part; stages that are drawn at the same time share the runs of the networks.
 */
export interface Model {
  /** Name of its folder: goes into recipes. */
  readonly name: string;
  readonly defaults: Defaults;
  /** The decoder's own sampler. */
  readonly sampler: SamplerName;
  /** Width and height of its pictures when nothing else is asked for, in pixels. */
  readonly pictureSize: number;
  /** Width and height of any of its pictures are multiples of this, in pixels. */
  readonly sizeStep: number;
  /** 3, or 4 where pictures can be transparent. */
  readonly pictureChannels: number;
  /** E */
  readonly embeddingWidth: number;
  /** What can make z_i of a text; without any it draws from pictures alone. */
  readonly priors: readonly PriorName[];
  /** Does its decoder see the mask of an inpainting, and what is kept of the picture? */
  readonly seesKept: boolean;
  /** Of image embeddings, where it has them. */
  readonly principalComponents?: PrincipalComponents;
  /** Steps of `finish`. */
  readonly upsamplerSteps: number;
  /** For pictures that are drawn already, where one was trained. */
  readonly upscaler?: Upscaler | undefined;
  /** The end of a text that the text encoder doesn't see because it is too long; undefined where all of it fits. */
  overflow(text: string): string | undefined;
  /** z_t of a text, (1, E). */
  encodeText(text: string): Promise<Tensor>;
  /** z_i of a picture, (1, E). @throws InputError where the model has no image encoder */
  embedPicture(picture: Picture): Promise<Tensor>;
  /** The prior: text → z_i. @throws InputError where the model has not the one that is asked for */
  embedText(text: TextRequest, generator: TorchGenerator, hooks?: StageHooks): Promise<Embedding>;
  /** What `decode` would have to draw for a picture of that size to come out, (1, C, h, w). */
  encode(picture: Picture, size: Size): Promise<Tensor>;
  /**
   * The decoder: z_i, and the recipe's text where it sees it → latents or a small picture, (1, C, h, w).
   * @throws InputError for settings that this model can't follow
   */
  decode(request: DecodeRequest, generator: TorchGenerator, hooks?: StageHooks): Promise<Tensor>;
  /** What `decode` drew → picture (1, 3 or 4, H, W) about [−1, 1]: MoVQ's decoder, or upsamplers. */
  finish(decoded: Tensor, generator: TorchGenerator, hooks?: StageHooks): Promise<Tensor>;
  /** A clean sample that `decode` or `finish` predicted at a step → picture. */
  preview(x0: Tensor): Promise<Tensor>;
  close(): Promise<void>;
}

export interface ModelOptions extends RuntimeOptions {
  /** Rows in one run of a network that denoises, 16 when absent; a picture under guidance has two. */
  readonly maxRows?: number;
}
