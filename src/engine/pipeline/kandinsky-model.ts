import type { Recipe } from '../../recipe.ts';
import type { TorchGenerator } from '../random/torch-generator.ts';
import { rows } from '../tensor.ts';
import { type Kandinsky, openKandinsky } from './kandinsky.ts';
import type { Embedding, Model, ModelOptions, StageHooks, TextRequest } from './model.ts';
import { embedTexts } from './priors.ts';
import { sampleDecoder } from './sample-decoder.ts';

/** Kandinsky 2.2 as drawing sees it. @throws InputError as `openKandinsky` does */
export async function openKandinskyModel(path: string, options: ModelOptions): Promise<Model> {
  const kandinsky = await openKandinsky(path, options);
  const { name, defaults, clip, scheduler, movq } = kandinsky;
  return {
    name,
    defaults,
    sampler: scheduler.name,
    pictureSize: kandinsky.pictureSize,
    embeddingWidth: kandinsky.prior.config.embedding_dim,
    hasPrior: true,
    upsamplerSteps: 0,
    overflow: clip.overflow,
    embedPicture: (picture) => clip.embedPixels(clip.preprocess(picture)),
    embedText: (text, generator, hooks) => embedText(kandinsky, text, generator, hooks),
    decode: (recipe, embedding, generator, hooks) => decode(kandinsky, recipe, embedding, generator, hooks),
    finish: movq.decode,
    preview: movq.decode,
    close: kandinsky.close,
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

async function decode(
  model: Kandinsky,
  recipe: Recipe,
  { imageEmbedding, negativeEmbedding }: Embedding,
  generator: TorchGenerator,
  hooks: StageHooks | undefined,
) {
  return sampleDecoder(model, {
    imageEmbedding,
    negativeEmbedding: negativeEmbedding ?? (await model.clip.zeroEmbedding()),
    height: model.pictureSize,
    width: model.pictureSize,
    scheduler: recipe.sampler === model.scheduler.name ? model.scheduler : model.scheduler.withSampler(recipe.sampler),
    steps: recipe.steps,
    guidanceScale: recipe.guidanceScale,
    generator,
    ...hooks,
  });
}
