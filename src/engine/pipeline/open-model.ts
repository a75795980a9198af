import { openKandinskyModel } from './kandinsky-model.ts';
import { openKarloModel } from './karlo-model.ts';
import type { Model, ModelOptions } from './model.ts';
import { findPipelines, PIPELINES } from './model-folder.ts';

/**
 * Opens a model folder of diffusers' layout, whichever of the family it holds.
 * @throws InputError for a folder that is incomplete, damaged, of an unknown kind, or whose parts don't fit together
 */
export async function openModel(path: string, options: ModelOptions = {}): Promise<Model> {
  const pipelines = await findPipelines(path);
  const isKarlo = pipelines.some(({ className }) => PIPELINES.karlo.includes(className));
  return isKarlo ? openKarloModel(path, options) : openKandinskyModel(path, options);
}
