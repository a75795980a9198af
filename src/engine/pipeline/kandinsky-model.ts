import { InputError } from '../../errors.ts';
import type { TorchGenerator } from '../random/torch-generator.ts';
import { rows, type Tensor } from '../tensor.ts';
import { expectShapes, samplingFor, sizeOf } from './decode-settings.ts';
import { encodePicture, isForInpainting, type Kandinsky, openKandinsky } from './kandinsky.ts';
import type {
  DecodeRequest,
  Embedding,
  Model,
  ModelOptions,
  Size,
  StageHooks,
  TextRequest,
  Upscaler,
} from './model.ts';
import { embedTexts } from './priors.ts';
import { latentShape, sampleDecoder } from './sample-decoder.ts';
import { UPSCALE_STEPS, upscale } from './upscale.ts';

/** Kandinsky 2.2 as drawing sees it. @throws InputError as `openKandinsky` does */
export async function openKandinskyModel(path: string, options: ModelOptions): Promise<Model> {
  const kandinsky = await openKandinsky(path, options);
  const { name, defaults, clip, scheduler, movq, movqScale, unet } = kandinsky;
  const model: Model = {
    name,
    defaults,
    sampler: scheduler.name,
    pictureSize: kandinsky.pictureSize,
    // latents come in squares of movqScale, and the U-Net halves them between its blocks
    sizeStep: movqScale * Math.max(movqScale, 2 ** (unet.config.block_out_channels.length - 1)),
    pictureChannels: movq.config.out_channels,
    embeddingWidth: kandinsky.prior.config.embedding_dim,
    priors: kandinsky.arPrior ? ['diffusion', 'ar', 'none'] : ['diffusion', 'none'],
    seesKept: isForInpainting(kandinsky),
    principalComponents: kandinsky.principalComponents,
    upsamplerSteps: 0,
    upscaler: upscalerOf(kandinsky),
    overflow: clip.overflow,
    encodeText: async (text) => (await clip.encodeTexts([text])).textEmbedding,
    embedPicture: (picture) => clip.embedPixels(clip.preprocess(picture)),
    embedText: (text, generator, hooks) => embedText(kandinsky, text, generator, hooks),
    encode: (picture, { width, height }) => encodePicture(kandinsky, picture, height, width),
    decode: (request, generator, hooks) =>
      decode(kandinsky, { ...request, ...sizeOf(model, request) }, generator, hooks),
    finish: movq.decode,
    preview: movq.decode,
    close: kandinsky.close,
  };
  return model;
}

function upscalerOf({ upsampler }: Kandinsky): Upscaler | undefined {
  if (!upsampler) return undefined;
  const predict = (sample: Tensor, t: number) => upsampler.predict({ sample, timestep: [t] });
  return {
    steps: UPSCALE_STEPS,
    upscale: (small, generator, hooks) => upscale(predict, small, { generator, ...hooks }),
  };
}

async function embedText(
  model: Kandinsky,
  request: TextRequest,
  generator: TorchGenerator,
  hooks: StageHooks | undefined,
): Promise<Embedding> {
  // As in diffusers, a negative prompt gets an image embedding of its own, in the row after the prompt's.
  const { prompt, negativePrompt = '' } = request;
  const texts = negativePrompt ? [prompt, negativePrompt] : [prompt];
  const { clip, defaults, prior, priorScheduler, arPrior } = model;
  const priors = { clip, defaults, diffusion: { prior, priorScheduler }, autoregressive: arPrior };
  const embeddings = await embedTexts(priors, texts, negativePrompt, request, generator, hooks);
  return {
    imageEmbedding: rows(embeddings, 0, 1),
    negativeEmbedding: negativePrompt ? rows(embeddings, 1, 2) : undefined,
  };
}

/** What a given z_i is led away from: one that the prior draws for the negative prompt, or that of no picture. */
async function negativeEmbedding(
  model: Kandinsky,
  { negativePrompt: prompt }: DecodeRequest,
  generator: TorchGenerator,
  hooks: StageHooks | undefined,
): Promise<Tensor> {
  if (!prompt) return model.clip.zeroEmbedding();
  const { imageEmbedding } = await embedText(model, { prompt }, generator, { signal: hooks?.signal });
  return imageEmbedding;
}

async function decode(
  model: Kandinsky,
  request: DecodeRequest & Size,
  generator: TorchGenerator,
  hooks: StageHooks | undefined,
) {
  const { embedding, width, height } = request;
  if (request.dynamicThresholding !== undefined) {
    throw new InputError(`dynamic thresholding is for models that draw pixels (Karlo); ${model.name} draws latents`);
  }
  expectShapes(request, latentShape(model, 1, height, width));
  return sampleDecoder(model, {
    imageEmbedding: embedding.imageEmbedding,
    negativeEmbedding: embedding.negativeEmbedding ?? (await negativeEmbedding(model, request, generator, hooks)),
    ...samplingFor(model.scheduler, request),
    kept: request.kept,
    generator,
    ...hooks,
  });
}
