import { InputError } from '../../errors.ts';
import type { Recipe } from '../../recipe.ts';
import type { Task, TaskOf } from '../../task.ts';
import { decodePicture } from '../images/decode-picture.ts';
import { readRecipe } from '../images/encode-picture.ts';
import type { Picture } from '../images/picture.ts';
import { unwhiten, whiten } from '../pca/components.ts';
import { TorchGenerator } from '../random/torch-generator.ts';
import type { Tensor } from '../tensor.ts';
import { bipartiteLatents, type InversionHooks, inversionSettings, MODIFY_GUIDANCE } from './bipartite-latent.ts';
import { sizeOf } from './decode-settings.ts';
import { latentMask, redrawnByMask, redrawnWhereTransparent } from './inpaint.ts';
import { slerp, sphericalMean } from './interpolation.ts';
import { encodeKeptPixels } from './kept-pixels.ts';
import type { Model } from './model.ts';
import { changeRecipes, recipesFor, type Subject } from './recipes.ts';
import { embedderOfDiff, textDiff } from './text-diff.ts';
import { upscalerFor } from './upscaler-for.ts';

/** A picture file as it was sent. */
export interface PictureFile {
  /** As its sender sees it, for messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What a task comes to. */
export interface Plan {
  /** One a picture, in order. */
  readonly recipes: readonly Recipe[];
  /** By the same order: the picture that should come out, where one is drawn from its own bipartite latent. */
  readonly reconstructed?: readonly (Picture | undefined)[];
  /** By the same order: pictures that are drawn already and are only to be made larger. */
  readonly drawn?: readonly Picture[];
}

/**
 * Makes recipes of a task. All that is done with the pictures it starts from is done here.
 * @throws InputError for a picture, a recipe in one, or settings that can't be used
 */
export function plan(model: Model, task: Task<PictureFile>, hooks: InversionHooks = {}): Promise<Plan> {
  const planOne = PLANS[task.kind] as PlanOf<typeof task.kind>;
  return planOne(model, task, hooks);
}

type Kind = Task<unknown>['kind'];
type PlanOf<K extends Kind> = (model: Model, task: TaskOf<K, PictureFile>, hooks: InversionHooks) => Promise<Plan>;

const PLANS: { readonly [K in Kind]: PlanOf<K> } = {
  async imagine(model, { prompt, negativePrompt, settings }) {
    return { recipes: recipesFor(model, { operation: 'imagine', prompt, negativePrompt }, settings) };
  },

  async variations(model, { pictures: [file], negativePrompt, settings: asked }, hooks) {
    const picture = await open(file);
    const text = { prompt: recipeIn(file)?.prompt, negativePrompt };
    if (asked.eta === undefined) {
      const imageEmbedding = await model.embedPicture(picture);
      return { recipes: recipesFor(model, { operation: 'variations', ...text, imageEmbedding }, asked) };
    }
    const settings = inversionSettings(model, asked);
    if (negativePrompt && settings.guidanceScale <= 1) {
      throw new InputError(
        'a negative prompt needs guidance above 1, and with eta there is none unless it is asked for',
      );
    }
    const [latent] = await bipartiteLatents(model, [picture], { ...settings, ...text }, hooks);
    return { recipes: recipesFor(model, { operation: 'variations', ...text, ...latent }, settings) };
  },

  async blend(model, { pictures, prompt, negativePrompt, weights, settings }) {
    const embeddings = await Promise.all(pictures.map(async (file) => model.embedPicture(await open(file))));
    if (prompt !== undefined) {
      const text = await model.embedText({ ...settings, prompt, negativePrompt }, new TorchGenerator(settings.seed));
      embeddings.push(text.imageEmbedding);
    }
    const imageEmbedding = sphericalMean(embeddings, weights ?? embeddings.map(() => 1));
    return { recipes: recipesFor(model, { operation: 'blend', prompt, negativePrompt, imageEmbedding }, settings) };
  },

  async reconstruct(model, { pictures: [file], settings: asked }, hooks) {
    const picture = await open(file);
    const settings = inversionSettings(model, asked);
    const [latent] = await bipartiteLatents(model, [picture], settings, hooks);
    const recipes = recipesFor(model, { operation: 'reconstruct', ...latent }, { ...settings, count: 1 });
    return { recipes, reconstructed: [picture] };
  },

  async modify(model, { pictures: [file], prompt, from = shownIn(file), strengths, settings: asked }, hooks) {
    const embed = embedderOfDiff(model);
    const [picture, to, baseline] = await Promise.all([open(file), embed(prompt), embed(from)]);
    const settings = inversionSettings(model, asked, MODIFY_GUIDANCE);
    const [latent] = await bipartiteLatents(model, [picture], settings, hooks);
    const { imageEmbedding, start } = latent!;
    const recipes = strengths.flatMap((strength) => {
      const subject: Subject = {
        operation: 'modify',
        modification: { prompt, from, strength },
        imageEmbedding: textDiff(imageEmbedding, to, baseline, strength),
        start,
      };
      return recipesFor(model, subject, { ...settings, count: 1 });
    });
    return { recipes, reconstructed: strengths.map((strength) => (strength === 0 ? picture : undefined)) };
  },

  async interpolate(model, { pictures: files, frames, noise, settings: asked }, hooks) {
    const pictures = await Promise.all(files.map(open));
    const inverted = noise === 'inverted' ? inversionSettings(model, asked) : undefined;
    const settings = { ...(inverted ?? asked), count: 1 };
    const embed = async (picture: Picture) => ({ imageEmbedding: await model.embedPicture(picture), start: undefined });
    const latents = inverted
      ? await bipartiteLatents(model, pictures, inverted, hooks)
      : await Promise.all(pictures.map(embed));
    const positions = Array.from({ length: frames }, (_, i) => (i * (pictures.length - 1)) / (frames - 1));
    const recipes = positions.flatMap((position) => {
      const left = Math.min(Math.floor(position), latents.length - 2);
      const [a, b] = [latents[left]!, latents[left + 1]!];
      const imageEmbedding = slerp(a.imageEmbedding, b.imageEmbedding, position - left);
      const start = a.start && b.start && slerp(a.start, b.start, position - left);
      return recipesFor(model, { operation: 'interpolate', imageEmbedding, start }, settings);
    });
    const reconstructed = positions.map((position) => pictures[position]);
    return inverted ? { recipes, reconstructed } : { recipes };
  },

  async img2img(model, { pictures: [file], prompt, negativePrompt, strength, priorStrength, settings }) {
    const picture = await open(file);
    if (priorStrength !== undefined && prompt === undefined) {
      throw new InputError('prior strength is for a prompt: it changes what the picture shows towards the words');
    }
    const shown = prompt === undefined || priorStrength !== undefined ? await model.embedPicture(picture) : undefined;
    const subject: Subject = {
      operation: 'img2img',
      prompt,
      negativePrompt,
      imageEmbedding: prompt === undefined ? shown : undefined,
      priorOrigin: shown && priorStrength !== undefined ? { sample: shown, strength: priorStrength } : undefined,
      origin: { sample: await model.encode(picture, sizeOf(model, settings)), strength },
    };
    return { recipes: recipesFor(model, subject, settings) };
  },

  async inpaint(model, { pictures: [file, maskFile], prompt, negativePrompt, settings }) {
    const picture = await open(file!);
    const redrawn = maskFile
      ? redrawnByMask(await open(maskFile), maskFile.name)
      : redrawnWhereTransparent(picture, file!.name);
    const size = sizeOf(model, settings);
    const latents = await model.encode(picture, size);
    const [, , height, width] = latents.shape as [number, number, number, number];
    const mask = latentMask(redrawn, height, width);
    const subject: Subject = {
      operation: 'inpaint',
      prompt,
      negativePrompt,
      imageEmbedding: prompt === undefined ? await model.embedPicture(picture) : undefined,
      kept: { latents, mask, pixels: await encodeKeptPixels(picture, mask, size) },
    };
    return { recipes: recipesFor(model, subject, settings) };
  },

  async pca(model, { pictures: [file], dimensions, settings }) {
    const embedding = await model.embedPicture(await open(file));
    const recipes = dimensions.flatMap((count) => {
      const imageEmbedding = keepComponents(model, embedding, count);
      return recipesFor(model, { operation: 'pca', dimensions: count, imageEmbedding }, { ...settings, count: 1 });
    });
    return { recipes };
  },

  async upscale(model, { pictures: [file] }) {
    const picture = await open(file);
    const recipe = recipeIn(file);
    if (recipe?.upscaled) throw new InputError(`${file.name} was made larger already`);
    upscalerFor(model, picture);
    if (!recipe) throw new InputError(`${file.name} holds no recipe: only pictures drawn here can be made larger`);
    if (recipe.model !== model.name) {
      throw new InputError(
        `${file.name} was drawn by the model ${recipe.model}, and now ${model.name} runs here: draw it again first`,
      );
    }
    return { recipes: [{ ...recipe, upscaled: true }], drawn: [picture] };
  },

  async redraw(model, { pictures, ...change }) {
    const recipes = pictures.map((file) => {
      const recipe = recipeIn(file);
      if (recipe) return recipe;
      throw new InputError(`${file.name} holds no recipe: only pictures drawn here can be drawn again`);
    });
    return { recipes: changeRecipes(model, recipes, change) };
  },
};

const open = ({ bytes, name }: PictureFile): Promise<Picture> => decodePicture(bytes, name);
const recipeIn = ({ bytes, name }: PictureFile): Recipe | undefined => readRecipe(bytes, name);

/** What a picture that was drawn here shows, in words; of any other nothing is known, and a text diff starts at ''. */
function shownIn(file: PictureFile): string {
  const recipe = recipeIn(file);
  return recipe?.modification?.prompt ?? recipe?.prompt ?? '';
}

/** z_i with all but its first principal components at the mean. @throws InputError */
function keepComponents({ principalComponents }: Model, embedding: Tensor, count: number): Tensor {
  if (!principalComponents) {
    throw new InputError(
      'this model has no principal components (prior_pca): models trained and exported here have them',
    );
  }
  const { length: all } = principalComponents.deviations.data;
  if (count > all) throw new InputError(`dimensions must be at most ${all} with this model, not ${count}`);
  return unwhiten(principalComponents, whiten(principalComponents, embedding, count));
}
