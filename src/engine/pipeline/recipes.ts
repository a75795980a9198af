import { InputError } from '../../errors.ts';
import { MAX_COUNT, MAX_GUIDANCE_SCALE, MAX_SEED, type Recipe, type Settings } from '../../recipe.ts';
import type { Tensor } from '../tensor.ts';
import type { Model } from './model.ts';

/** What is drawn: a text, or an image embedding z_i, (1, E). */
export type Subject =
  | { readonly operation: 'imagine'; readonly prompt: string; readonly negativePrompt?: string }
  | { readonly operation: 'variations' | 'blend'; readonly prompt?: string; readonly imageEmbedding: Tensor };

/** One recipe a picture: what the settings leave open is the model's default; picture i has seed + i. */
export function recipesFor(model: Model, subject: Subject, settings: Settings & { seed: number }): Recipe[] {
  const { count = MAX_COUNT, seed } = settings;
  return Array.from({ length: count }, (_, i) => ({
    version: 1,
    operation: subject.operation,
    prompt: subject.prompt,
    negativePrompt: subject.operation === 'imagine' ? subject.negativePrompt || undefined : undefined,
    // The largest seeds go on from 0.
    seed: seed <= MAX_SEED - i ? seed + i : i - (MAX_SEED - seed) - 1,
    steps: settings.steps ?? model.defaults.steps,
    guidanceScale: settings.guidanceScale ?? model.defaults.guidanceScale,
    priorGuidanceScale: settings.priorGuidanceScale ?? model.defaults.priorGuidanceScale,
    prior: settings.prior,
    priorSamples: settings.priorSamples,
    sampler: settings.sampler ?? model.sampler,
    model: model.name,
    imageEmbedding: subject.operation === 'imagine' ? undefined : encodeEmbedding(subject.imageEmbedding),
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
  return recipes.map((recipe, i) => {
    if (recipe.imageEmbedding && recipe.model !== model.name) {
      throw new InputError(
        `this picture was made from a picture by the model ${recipe.model}, and now ${model.name} runs here: ` +
          'ask for its variations instead',
      );
    }
    const guidanceScale = settings.guidanceScale ?? recipe.guidanceScale + guidanceStep;
    return {
      ...recipe,
      seed: settings.seed === undefined ? recipe.seed : settings.seed + i,
      steps: settings.steps ?? recipe.steps,
      guidanceScale: Math.min(MAX_GUIDANCE_SCALE, Math.max(1, guidanceScale)),
      priorGuidanceScale: settings.priorGuidanceScale ?? recipe.priorGuidanceScale,
      prior: settings.prior ?? recipe.prior,
      priorSamples: settings.priorSamples ?? recipe.priorSamples,
      sampler: settings.sampler ?? recipe.sampler,
      model: model.name,
    };
  });
}

/** float32, little endian, base64. */
function encodeEmbedding(embedding: Tensor): string {
  const bytes = Buffer.alloc(embedding.data.length * 4);
  for (const [i, value] of embedding.data.entries()) bytes.writeFloatLE(value, i * 4);
  return bytes.toString('base64');
}

/** @returns (1, E) */
export function decodeEmbedding(text: string): Tensor {
  const bytes = Buffer.from(text, 'base64');
  const data = Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4));
  return { data, shape: [1, data.length] };
}
