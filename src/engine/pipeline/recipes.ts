import { InputError } from '../../errors.ts';
import { MAX_COUNT, MAX_GUIDANCE_SCALE, MAX_SEED, type Recipe, type Settings } from '../../recipe.ts';
import type { Tensor } from '../tensor.ts';
import type { KeptPart } from './inpaint.ts';
import type { Model } from './model.ts';
import type { Origin } from './origin.ts';
import { encodeFloats, encodeTensor } from './stored-tensor.ts';

/** What is drawn, with the tensors of its recipe unpacked: from a text, or from an image embedding. */
export interface Subject
  extends Pick<Recipe, 'operation' | 'prompt' | 'negativePrompt' | 'modification' | 'dimensions'> {
  /** z_i, (1, E) */
  readonly imageEmbedding?: Tensor;
  /** x_T, (1, C, h, w) */
  readonly start?: Tensor;
  /** (1, C, h, w) */
  readonly origin?: Origin;
  /** (1, E) */
  readonly priorOrigin?: Origin;
  readonly kept?: KeptPart;
}

/** One recipe a picture: what the settings leave open is the model's default; picture i has seed + i. */
export function recipesFor(model: Model, subject: Subject, settings: Settings & { seed: number }): Recipe[] {
  const { count = MAX_COUNT, seed } = settings;
  const { imageEmbedding, start, origin, priorOrigin, kept } = subject;
  return Array.from({ length: count }, (_, i) => ({
    version: 1,
    operation: subject.operation,
    prompt: subject.prompt,
    negativePrompt: subject.negativePrompt || undefined,
    modification: subject.modification,
    dimensions: subject.dimensions,
    // The largest seeds go on from 0.
    seed: seed <= MAX_SEED - i ? seed + i : i - (MAX_SEED - seed) - 1,
    steps: settings.steps ?? model.defaults.steps,
    guidanceScale: settings.guidanceScale ?? model.defaults.guidanceScale,
    priorGuidanceScale: settings.priorGuidanceScale ?? model.defaults.priorGuidanceScale,
    prior: settings.prior,
    priorSamples: settings.priorSamples,
    sampler: settings.sampler ?? model.sampler,
    eta: settings.eta,
    guidanceRescale: settings.guidanceRescale,
    dynamicThresholding: settings.dynamicThresholding,
    width: settings.width,
    height: settings.height,
    model: model.name,
    imageEmbedding: imageEmbedding && encodeFloats(imageEmbedding.data),
    start: start && encodeTensor(start),
    origin: origin && { latents: encodeTensor(origin.sample), strength: origin.strength },
    priorOrigin: priorOrigin && {
      imageEmbedding: encodeFloats(priorOrigin.sample.data),
      strength: priorOrigin.strength,
    },
    kept: kept && { latents: encodeTensor(kept.latents), mask: encodeTensor(kept.mask), pixels: kept.pixels },
  }));
}

/** What to change in recipes that are drawn again. */
export interface RecipeChange {
  /** Added to the guidance scale; the seeds stay. */
  readonly guidanceStep?: number;
  /** Wins over the recipes' own values; with a seed, picture i gets seed + i. */
  readonly settings: Settings;
}

/**
 * The recipes of an earlier drawing with something changed.
 * @throws InputError when they hold image embeddings of another model: those mean nothing to this one
 */
export function changeRecipes(model: Model, recipes: readonly Recipe[], change: RecipeChange): Recipe[] {
  const { guidanceStep = 0, settings } = change;
  const { seed, count: _, ...others } = settings;
  const asked: Settings = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined));
  return recipes.map((recipe, i) => {
    if (recipe.imageEmbedding && recipe.model !== model.name) {
      throw new InputError(
        `this picture was made from a picture by the model ${recipe.model}, and now ${model.name} runs here: ` +
          'ask for its variations instead',
      );
    }
    const guidanceScale = asked.guidanceScale ?? recipe.guidanceScale + guidanceStep;
    return {
      ...recipe,
      ...asked,
      seed: seed === undefined ? recipe.seed : seed + i,
      // New noise takes the place of the one that an inversion found.
      start: seed === undefined ? recipe.start : undefined,
      guidanceScale: Math.min(MAX_GUIDANCE_SCALE, Math.max(1, guidanceScale)),
      model: model.name,
    };
  });
}
