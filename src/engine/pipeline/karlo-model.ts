import type { Recipe } from '../../recipe.ts';
import type { TorchGenerator } from '../random/torch-generator.ts';
import type { Tensor } from '../tensor.ts';
import { type Karlo, openKarlo } from './karlo.ts';
import type { Embedding, Model, ModelOptions, StageHooks, TextRequest } from './model.ts';
import { embedTexts } from './priors.ts';
import { sampleKarloDecoder, upsample } from './sample-karlo.ts';

/** Karlo as drawing sees it. @throws InputError as `openKarlo` does */
export async function openKarloModel(path: string, options: ModelOptions): Promise<Model> {
  const karlo = await openKarlo(path, options);
  const { name, defaults, clip, scheduler } = karlo;
  return {
    name,
    defaults,
    sampler: scheduler.name,
    pictureSize: karlo.pictureSize,
    embeddingWidth: karlo.textProjection.config.clip_embeddings_dim,
    hasPrior: karlo.priorStage !== undefined,
    upsamplerSteps: defaults.upsamplerSteps,
    overflow: clip.overflow,
    embedPicture: (picture) => clip.embedPixels(clip.preprocess(picture)),
    embedText: async (text, generator, hooks) => ({ imageEmbedding: await embedText(karlo, text, generator, hooks) }),
    decode: (recipe, embedding, generator, hooks) => decode(karlo, recipe, embedding, generator, hooks),
    finish: (small, generator, hooks) =>
      upsample(karlo, small, { steps: defaults.upsamplerSteps, generator, ...hooks }),
    preview: async (x0) => x0,
    close: karlo.close,
  };
}

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

async function decode(
  model: Karlo,
  recipe: Recipe,
  { imageEmbedding }: Embedding,
  generator: TorchGenerator,
  hooks: StageHooks | undefined,
): Promise<Tensor> {
  return sampleKarloDecoder(model, {
    imageEmbedding,
    text: await model.clip.encodeTexts([recipe.prompt ?? '']),
    unconditional: await model.clip.encodeTexts([recipe.negativePrompt ?? '']),
    scheduler: recipe.sampler === model.scheduler.name ? model.scheduler : model.scheduler.withSampler(recipe.sampler),
    steps: recipe.steps,
    guidanceScale: recipe.guidanceScale,
    generator,
    ...hooks,
  });
}
