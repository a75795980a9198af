import type { Settings } from '../../../recipe.ts';
import { draw } from '../../pipeline/draw.ts';
import type { Model } from '../../pipeline/model.ts';
import { recipesFor } from '../../pipeline/recipes.ts';
import type { DrawQuestions } from './drawings.ts';
import { rgbaFromDrawn } from './pictures.ts';

/** Pictures drawn at the same time: under guidance they fill one run of the network. */
const AT_ONCE = 8;

/** Draws prompts as the bot does, with the model's own settings where none are given. */
export const drawnBy =
  (model: Model, settings: Settings = {}): DrawQuestions =>
  async (questions, onProgress) => {
    const pictures: Uint8Array[] = [];
    for (let from = 0; from < questions.length; from += AT_ONCE) {
      const recipes = questions
        .slice(from, from + AT_ONCE)
        .flatMap(({ prompt, seed }) =>
          recipesFor(model, { operation: 'imagine', prompt }, { ...settings, seed, count: 1 }),
        );
      const { images } = await draw(model, recipes);
      pictures.push(...images.map(rgbaFromDrawn));
      onProgress(pictures.length);
    }
    return pictures;
  };
