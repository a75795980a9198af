import { InputError } from '../../errors.ts';
import type { Recipe } from '../../recipe.ts';
import { TorchGenerator } from '../random/torch-generator.ts';
import { concatRows, rows, type Tensor } from '../tensor.ts';
import type { Kandinsky } from './kandinsky.ts';
import { decodeEmbedding } from './recipes.ts';
import { sampleDecoder } from './sample-decoder.ts';
import { samplePrior } from './sample-prior.ts';

export interface DrawHooks {
  /** @throws its reason at the next step when it is aborted */
  readonly signal?: AbortSignal;
  /** After each step of one of the pictures. */
  readonly onStep?: (progress: Progress) => void;
}

export interface Progress {
  /** Which picture of the drawing. */
  readonly picture: number;
  readonly stage: 'prior' | 'decoder';
  /** Steps done, 1 … steps. */
  readonly step: number;
  readonly steps: number;
  /** In the decoder: the clean latents as predicted now, (1, C, h, w). */
  readonly x0?: Tensor;
}

/** Seconds. */
export interface Timings {
  readonly prior: number;
  readonly decoder: number;
  readonly decode: number;
}

/**
 * Draws one picture a recipe; all advance together. A picture depends on its own recipe alone: each has its own
 * generator, which gives the noise of prior and decoder in diffusers' order.
 *
 * @returns (1, C, H, W) about [−1, 1] for each recipe
 * @throws InputError for a recipe this model can't follow
 */
export async function draw(
  model: Kandinsky,
  recipes: readonly Recipe[],
  hooks: DrawHooks = {},
): Promise<{ images: Tensor[]; timings: Timings }> {
  const sharing = { ...model, encodeTexts: memoised(model.encodeTexts) };
  const [embeddings, prior] = await timed(() =>
    Promise.all(recipes.map((recipe, i) => embed(sharing, recipe, i, hooks))),
  );
  const [latents, decoder] = await timed(() =>
    Promise.all(embeddings.map((embedding, i) => decode(model, recipes[i] as Recipe, embedding, i, hooks))),
  );
  const [images, decodeTime] = await timed(() => decodeLatents(model, latents));
  return { images, timings: { prior, decoder, decode: decodeTime } };
}

/** Latents (1, C, h, w) of any number of pictures → (1, C, H, W) each. */
export async function decodeLatents(model: Kandinsky, latents: readonly Tensor[]): Promise<Tensor[]> {
  const images = await model.movq.decode(concatRows(latents));
  return latents.map((_, i) => rows(images, i, i + 1));
}

/** z_i and what the decoder is guided away from, (1, E) each. */
interface Embedding {
  readonly imageEmbedding: Tensor;
  readonly negativeEmbedding: Tensor;
}

/** With the generator that goes on to give the decoder's noise. */
async function embed(model: Kandinsky, recipe: Recipe, picture: number, hooks: DrawHooks) {
  const generator = new TorchGenerator(recipe.seed);
  const { prompt, imageEmbedding } = recipe;
  if (imageEmbedding !== undefined) {
    const embedding = { imageEmbedding: givenEmbedding(model, imageEmbedding) };
    return { ...embedding, negativeEmbedding: await model.zeroEmbedding(), generator };
  }
  if (prompt === undefined) throw new InputError('recipe: expected a prompt or an imageEmbedding, found neither');
  return { ...(await embedText(model, { ...recipe, prompt }, generator, { picture, ...hooks })), generator };
}

function givenEmbedding(model: Kandinsky, text: string): Tensor {
  const embedding = decodeEmbedding(text);
  const width = model.prior.config.embedding_dim;
  if (embedding.data.length === width) return embedding;
  throw new InputError(`imageEmbedding: expected ${width} numbers, found ${embedding.data.length}`);
}

/** Text → z_i, by the prior. */
export async function embedText(
  model: Kandinsky,
  text: { readonly prompt: string; readonly negativePrompt?: string; readonly priorGuidanceScale?: number },
  generator: TorchGenerator,
  { picture = 0, signal, onStep }: DrawHooks & { readonly picture?: number } = {},
): Promise<Embedding> {
  const { prompt, negativePrompt, priorGuidanceScale } = text;
  // As in diffusers, a negative prompt gets an image embedding of its own, in the row after the prompt's.
  const texts = negativePrompt ? [prompt, negativePrompt] : [prompt];
  const embeddings = await samplePrior(model, {
    text: await model.encodeTexts(texts),
    unconditional: await model.encodeTexts(texts.map(() => negativePrompt ?? '')),
    steps: model.defaults.priorSteps,
    guidanceScale: priorGuidanceScale ?? model.defaults.priorGuidanceScale,
    generator,
    signal,
    onStep: ({ step, steps }) => onStep?.({ picture, stage: 'prior', step: step + 1, steps }),
  });
  return {
    imageEmbedding: rows(embeddings, 0, 1),
    negativeEmbedding: negativePrompt ? rows(embeddings, 1, 2) : await model.zeroEmbedding(),
  };
}

function decode(
  model: Kandinsky,
  recipe: Recipe,
  embedding: Embedding & { readonly generator: TorchGenerator },
  picture: number,
  hooks: DrawHooks,
) {
  return sampleDecoder(model, {
    ...embedding,
    height: model.pictureSize,
    width: model.pictureSize,
    scheduler: recipe.sampler === model.scheduler.name ? model.scheduler : model.scheduler.withSampler(recipe.sampler),
    steps: recipe.steps,
    guidanceScale: recipe.guidanceScale,
    signal: hooks.signal,
    onStep: ({ step, steps, x0 }) => hooks.onStep?.({ picture, stage: 'decoder', step: step + 1, steps, x0 }),
  });
}

/** The pictures of one drawing mostly have the same texts: each is encoded once. */
function memoised(encode: Kandinsky['encodeTexts']): Kandinsky['encodeTexts'] {
  const known = new Map<string, ReturnType<typeof encode>>();
  return (texts) => {
    const key = JSON.stringify(texts);
    const found = known.get(key) ?? encode(texts);
    known.set(key, found);
    return found;
  };
}

async function timed<R>(work: () => Promise<R>): Promise<[result: R, seconds: number]> {
  const start = performance.now();
  const result = await work();
  return [result, (performance.now() - start) / 1000];
}
