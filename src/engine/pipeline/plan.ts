import { InputError } from '../../errors.ts';
import type { Recipe } from '../../recipe.ts';
import type { SeededSettings, Task, TaskOf } from '../../task.ts';
import { decodePicture } from '../images/decode-picture.ts';
import { readRecipe } from '../images/encode-picture.ts';
import type { Picture } from '../images/picture.ts';
import { unwhiten, whiten } from '../pca/components.ts';
import { TorchGenerator } from '../random/torch-generator.ts';
import type { Tensor } from '../tensor.ts';
import { sizeOf } from './decode-settings.ts';
import { sphericalMean } from './interpolation.ts';
import { invert } from './invert.ts';
import type { Model, StageHooks } from './model.ts';
import { changeRecipes, recipesFor } from './recipes.ts';
import { textDiff } from './text-diff.ts';

/** A picture file as it was sent. */
export interface PictureFile {
  /** As its sender sees it, for messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * What a task comes to: a recipe a picture. All that is done with the pictures it starts from is done here.
 * @throws InputError for a picture, a recipe in one, or settings that can't be used
 */
export function plan(model: Model, task: Task<PictureFile>, hooks: StageHooks = {}): Promise<Recipe[]> {
  const planOne = PLANS[task.kind] as Plan<typeof task.kind>;
  return planOne(model, task, hooks);
}

type Plan<Kind extends Task<unknown>['kind']> = (
  model: Model,
  task: TaskOf<Kind, PictureFile>,
  hooks: StageHooks,
) => Promise<Recipe[]>;

const PLANS: { readonly [Kind in Task<unknown>['kind']]: Plan<Kind> } = {
  async imagine(model, { prompt, negativePrompt, settings }) {
    return recipesFor(model, { operation: 'imagine', prompt, negativePrompt }, settings);
  },

  async variations(model, { pictures: [file], settings }) {
    const imageEmbedding = await model.embedPicture(await open(file));
    const prompt = recipeIn(file)?.prompt;
    return recipesFor(model, { operation: 'variations', prompt, imageEmbedding }, settings);
  },

  async blend(model, { pictures, prompt, negativePrompt, weights, settings }) {
    const embeddings = await Promise.all(pictures.map(async (file) => model.embedPicture(await open(file))));
    if (prompt !== undefined) {
      const text = await model.embedText({ ...settings, prompt, negativePrompt }, new TorchGenerator(settings.seed));
      embeddings.push(text.imageEmbedding);
    }
    if (embeddings.length < 2) throw new InputError('a blend needs two things: two pictures, or a picture and a text');
    const shares = weights ?? embeddings.map(() => 1);
    if (shares.length !== embeddings.length) {
      throw new InputError(`a blend of ${embeddings.length} needs as many weights, not ${shares.length}`);
    }
    const imageEmbedding = sphericalMean(embeddings, shares);
    return recipesFor(model, { operation: 'blend', prompt, imageEmbedding }, settings);
  },

  async modify(model, { pictures: [file], prompt, from = shownIn(file), strengths, settings }, hooks) {
    const [picture, to, baseline] = await Promise.all([open(file), model.encodeText(prompt), model.encodeText(from)]);
    const latent = await bipartiteLatent(model, picture, settings, hooks);
    return strengths.flatMap((strength) => {
      const imageEmbedding = textDiff(latent.imageEmbedding, to, baseline, strength);
      const subject = { operation: 'modify', modification: { prompt, from, strength } } as const;
      return recipesFor(model, { ...subject, imageEmbedding, start: latent.start }, { ...latent.settings, count: 1 });
    });
  },

  async pca(model, { pictures: [file], dimensions, settings }) {
    const embedding = await model.embedPicture(await open(file));
    return dimensions.flatMap((count) => {
      const imageEmbedding = keepComponents(model, embedding, count);
      return recipesFor(model, { operation: 'pca', dimensions: count, imageEmbedding }, { ...settings, count: 1 });
    });
  },

  async redraw(model, { pictures, ...change }) {
    const recipes = pictures.map((file) => {
      const recipe = recipeIn(file);
      if (recipe) return recipe;
      throw new InputError(`${file.name} holds no recipe: only pictures drawn here can be drawn again`);
    });
    return changeRecipes(model, recipes, change);
  },
};

const open = ({ bytes, name }: PictureFile): Promise<Picture> => decodePicture(bytes, name);
const recipeIn = ({ bytes, name }: PictureFile): Recipe | undefined => readRecipe(bytes, name);

/** What a picture that was drawn here shows, in words; of any other nothing is known, and a text diff starts at ''. */
function shownIn(file: PictureFile): string {
  const recipe = recipeIn(file);
  return recipe?.modification?.prompt ?? recipe?.prompt ?? '';
}

/** With fewer the inversion finds another picture. */
const MIN_INVERSION_STEPS = 50;

/** (z_i, x_T) of a picture, and settings that draw it again: without guidance and in many steps, unless others are asked for. */
async function bipartiteLatent(model: Model, picture: Picture, asked: SeededSettings, hooks: StageHooks) {
  const settings = {
    ...asked,
    steps: asked.steps ?? Math.max(model.defaults.steps, MIN_INVERSION_STEPS),
    guidanceScale: asked.guidanceScale ?? 1,
    sampler: asked.sampler ?? 'ddim',
  };
  const imageEmbedding = await model.embedPicture(picture);
  const x0 = await model.encode(picture, sizeOf(model, settings));
  const start = await invert(model, x0, { ...settings, embedding: { imageEmbedding } }, hooks);
  return { imageEmbedding, start, settings };
}

/** z_i with all but its first principal components at the mean. @throws InputError */
function keepComponents({ principalComponents }: Model, embedding: Tensor, count: number): Tensor {
  if (!principalComponents) {
    throw new InputError(
      'this model has no principal components (prior_pca): models trained and exported here have them',
    );
  }
  const { length: all } = principalComponents.mean.data;
  if (count > all) throw new InputError(`dimensions must be at most ${all} with this model, not ${count}`);
  return unwhiten(principalComponents, whiten(principalComponents, embedding, count));
}
