import { InputError } from '../../errors.ts';
import type { Recipe } from '../../recipe.ts';
import { pictureFromTensor } from '../images/encode-picture.ts';
import type { Picture } from '../images/picture.ts';
import { tensorFromPicture } from '../images/picture-tensor.ts';
import { TorchGenerator } from '../random/torch-generator.ts';
import type { Tensor } from '../tensor.ts';
import { sizeOf } from './decode-settings.ts';
import { putBackPixels } from './kept-pixels.ts';
import type { DecodeRequest, Embedding, Model, StageHooks } from './model.ts';
import { decodeFloats, decodeTensor } from './stored-tensor.ts';
import { upscalerFor } from './upscaler-for.ts';

export interface DrawHooks {
  /** @throws its reason at the next step when it is aborted */
  readonly signal?: AbortSignal;
  /** After each step of one of the pictures. */
  readonly onStep?: (progress: Progress) => void;
  /** Pictures of the recipes that are drawn already and are only to be made larger. */
  readonly drawn?: readonly Picture[] | undefined;
}

export interface Progress {
  /** Which picture of the drawing. */
  readonly picture: number;
  /** An upsampler's steps follow those of the decoder and count as more of them. */
  readonly stage: 'prior' | 'decoder';
  /** Steps done, 1 … steps. */
  readonly step: number;
  readonly steps: number;
  /** In the decoder, before a picture is made larger: the clean sample as predicted now, which the model makes a preview of. */
  readonly x0?: Tensor;
}

/** Seconds. */
export interface Timings {
  readonly prior: number;
  readonly decoder: number;
  /** From what the decoder drew to the picture: MoVQ, or upsamplers; and what makes it larger then. */
  readonly decode: number;
}

/**
 * Draws one picture a recipe; all advance together. A picture depends on its own recipe alone: each has its own
 * generator, which gives the noise of its stages in diffusers' order.
 *
 * @returns (1, 3 or 4, H, W) about [−1, 1] for each recipe
 * @throws InputError for a recipe this model can't follow
 */
export async function draw(
  model: Model,
  recipes: readonly Recipe[],
  hooks: DrawHooks = {},
): Promise<{ images: Tensor[]; timings: Timings }> {
  const generators = recipes.map(({ seed }) => new TorchGenerator(seed));
  const each = <R>(stage: (recipe: Recipe, generator: TorchGenerator, picture: number) => Promise<R>) =>
    timed(() => Promise.all(recipes.map((recipe, i) => stage(recipe, generators[i]!, i))));
  for (const recipe of recipes) if (recipe.upscaled) upscalerFor(model, sizeOf(model, recipe));
  const watched = createWatch(model, recipes, hooks);
  const { drawn } = hooks;
  if (drawn) {
    const [images, decode] = await each((recipe, _, i) => makeLarger(model, drawn[i]!, recipe, watched.upscaler(i)));
    return { images, timings: { prior: 0, decoder: 0, decode } };
  }

  const [embeddings, prior] = await each((recipe, generator, i) => embed(model, recipe, generator, watched.prior(i)));
  const [decoded, decoder] = await each((recipe, generator, i) =>
    model.decode(requestFrom(recipe, embeddings[i]!), generator, watched.decoder(i)),
  );
  const [images, decode] = await each(async (recipe, generator, i) => {
    const finished = await model.finish(decoded[i]!, generator, watched.upsampler(i));
    const { kept, upscaled } = recipe;
    const image = kept?.pixels ? await putBackPixels(finished, decodeTensor(kept.mask), kept.pixels) : finished;
    return upscaled ? makeLarger(model, pictureFromTensor(image), recipe, watched.upscaler(i)) : image;
  });
  return { images, timings: { prior, decoder, decode } };
}

/** Of the picture as its file has it, with noise of its own: the same whether it was drawn just now or lies there. */
function makeLarger(model: Model, picture: Picture, { seed }: Recipe, hooks: StageHooks): Promise<Tensor> {
  const { width, height } = picture;
  const small = tensorFromPicture(picture, model.pictureChannels, height, width);
  return upscalerFor(model, picture).upscale(small, new TorchGenerator(seed), hooks);
}

async function embed(model: Model, recipe: Recipe, generator: TorchGenerator, hooks: StageHooks): Promise<Embedding> {
  const { prompt, imageEmbedding } = recipe;
  if (imageEmbedding !== undefined) return { imageEmbedding: givenEmbedding(model, imageEmbedding) };
  if (prompt === undefined) throw new InputError('recipe: expected a prompt or an imageEmbedding, found neither');
  const origin = recipe.priorOrigin && {
    sample: givenEmbedding(model, recipe.priorOrigin.imageEmbedding),
    strength: recipe.priorOrigin.strength,
  };
  return model.embedText({ ...recipe, prompt, origin }, generator, hooks);
}

function givenEmbedding({ embeddingWidth }: Model, text: string): Tensor {
  const data = decodeFloats(text);
  if (data.length === embeddingWidth) return { data, shape: [1, embeddingWidth] };
  throw new InputError(`imageEmbedding: expected ${embeddingWidth} numbers, found ${data.length}`);
}

const requestFrom = ({ start, origin, kept, ...recipe }: Recipe, embedding: Embedding): DecodeRequest => ({
  ...recipe,
  embedding,
  start: start && decodeTensor(start),
  origin: origin && { sample: decodeTensor(origin.latents), strength: origin.strength },
  kept: kept && { latents: decodeTensor(kept.latents), mask: decodeTensor(kept.mask) },
});

/** Hooks for the stages of each picture, which report to the drawing's. */
function createWatch(
  { upsamplerSteps, upscaler }: Model,
  recipes: readonly Recipe[],
  { signal, onStep, drawn }: DrawHooks,
) {
  const decoderSteps: number[] = [];
  const stepsAfter = (picture: number) =>
    upsamplerSteps + (recipes[picture]!.upscaled && upscaler ? upscaler.steps : 0);
  return {
    prior: (picture: number): StageHooks => ({
      signal,
      onStep: ({ step, steps }) => onStep?.({ picture, stage: 'prior', step: step + 1, steps }),
    }),
    decoder: (picture: number): StageHooks => ({
      signal,
      onStep({ step, steps, x0 }) {
        decoderSteps[picture] = steps;
        onStep?.({ picture, stage: 'decoder', step: step + 1, steps: steps + stepsAfter(picture), x0 });
      },
    }),
    upsampler: (picture: number): StageHooks => ({
      signal,
      onStep({ step, x0 }) {
        const before = decoderSteps[picture]!;
        onStep?.({ picture, stage: 'decoder', step: before + step + 1, steps: before + stepsAfter(picture), x0 });
      },
    }),
    upscaler: (picture: number): StageHooks => ({
      signal,
      onStep({ step, steps }) {
        const before = drawn ? 0 : decoderSteps[picture]! + upsamplerSteps;
        onStep?.({ picture, stage: 'decoder', step: before + step + 1, steps: before + steps });
      },
    }),
  };
}

async function timed<R>(work: () => Promise<R>): Promise<[result: R, seconds: number]> {
  const start = performance.now();
  const result = await work();
  return [result, (performance.now() - start) / 1000];
}
