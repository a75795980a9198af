import { InputError } from '../../errors.ts';
import { tensorFromPicture } from '../images/picture-tensor.ts';
import type { TorchGenerator } from '../random/torch-generator.ts';
import type { KarloDecoder, SuperResolution } from '../runtime/networks/unets.ts';
import type { Tensor } from '../tensor.ts';
import { expectShapes, samplingFor, sizeOf } from './decode-settings.ts';
import { type Karlo, openKarlo } from './karlo.ts';
import type { DecodeRequest, Model, ModelOptions, Size, StageHooks, TextRequest } from './model.ts';
import { embedTexts } from './priors.ts';
import { sampleKarloDecoder, upsample } from './sample-karlo.ts';

/** Karlo as drawing sees it. @throws InputError as `openKarlo` does */
export async function openKarloModel(path: string, options: ModelOptions): Promise<Model> {
  const karlo = await openKarlo(path, options);
  const { name, defaults, clip, scheduler, decoder, superResFirst, pictureSize, smallSize } = karlo;
  const scale = pictureSize / smallSize;
  const small = ({ width, height }: Size) => ({ width: width / scale, height: height / scale });
  const model: Model = {
    name,
    defaults,
    sampler: scheduler.name,
    pictureSize,
    // each network halves what it draws between its blocks
    sizeStep: Math.max(scale * halvedBy(decoder), halvedBy(superResFirst)),
    pictureChannels: decoder.config.in_channels,
    embeddingWidth: karlo.textProjection.config.clip_embeddings_dim,
    priors: karlo.priorStage ? ['diffusion', 'none'] : [],
    seesKept: false,
    upsamplerSteps: defaults.upsamplerSteps,
    overflow: clip.overflow,
    encodeText: async (text) => (await clip.encodeTexts([text])).textEmbedding,
    embedPicture: (picture) => clip.embedPixels(clip.preprocess(picture)),
    embedText: async (text, generator, hooks) => ({ imageEmbedding: await embedText(karlo, text, generator, hooks) }),
    encode: async (picture, size) => {
      const { width, height } = small(sizeOf(model, size));
      return tensorFromPicture(picture, decoder.config.in_channels, height, width);
    },
    decode: (request, generator, hooks) =>
      decode(karlo, { ...request, ...small(sizeOf(model, request)) }, generator, hooks),
    finish: (small, generator, hooks) =>
      upsample(karlo, small, { steps: defaults.upsamplerSteps, generator, ...hooks }),
    preview: async (x0) => x0,
    close: karlo.close,
  };
  return model;
}

const halvedBy = ({ config }: KarloDecoder | SuperResolution) => 2 ** (config.block_out_channels.length - 1);

/** The negative prompt takes the place of the empty text. */
async function embedText(
  { priorStage, clip, defaults }: Karlo,
  request: TextRequest,
  generator: TorchGenerator,
  hooks: StageHooks | undefined,
): Promise<Tensor> {
  const { prompt, negativePrompt = '' } = request;
  return embedTexts({ clip, defaults, diffusion: priorStage }, [prompt], negativePrompt, request, generator, hooks);
}

/** @param request  with the size of the small picture */
async function decode(
  model: Karlo,
  request: DecodeRequest & Size,
  generator: TorchGenerator,
  hooks: StageHooks | undefined,
): Promise<Tensor> {
  const { width, height } = request;
  if (request.kept) {
    throw new InputError(
      `${model.name} can't inpaint: its upsampler draws all pixels anew; models of Kandinsky 2.2 can`,
    );
  }
  expectShapes(request, [1, model.decoder.config.in_channels, height, width]);
  return sampleKarloDecoder(model, {
    imageEmbedding: request.embedding.imageEmbedding,
    text: await model.clip.encodeTexts([request.prompt ?? '']),
    unconditional: await model.clip.encodeTexts([request.negativePrompt ?? '']),
    ...samplingFor(model.scheduler, request),
    generator,
    ...hooks,
  });
}
