import type { Recipe } from '../../recipe.ts';
import type { Task } from '../../task.ts';
import type { PictureFile } from '../pipeline/plan.ts';
import type { ChosenProvider, Provider } from '../runtime/provider.ts';

/** Between the engine process and its inference process: plain values that Node's structured clone carries. */

export interface InferenceOptions {
  readonly modelDir: string;
  readonly threads: number;
  readonly provider: Provider;
  readonly precision: 'float32' | 'int8';
  /** Pictures advanced together. */
  readonly concurrency: number;
}

export type InferenceRequest =
  | { readonly type: 'open'; readonly options: InferenceOptions }
  | { readonly type: 'draw'; readonly id: number; readonly task: Task<PictureFile> }
  | { readonly type: 'abort'; readonly id: number };

export interface InferenceProgress {
  /** Before any drawing, the pictures it starts from may have to be inverted. */
  readonly stage?: 'inversion';
  /** Steps of the stage done, and all that there are, over all pictures. */
  readonly step: number;
  readonly steps: number;
  /** WebP files of what the pictures look like so far. */
  readonly previews?: readonly Uint8Array[];
}

export interface DrawnPicture {
  readonly recipe: Recipe;
  /** Of an animation. */
  readonly extension?: 'gif';
  /** The end of a prompt that was too long for the model. */
  readonly unread?: string;
  /** The model can make this picture larger. */
  readonly canGrow?: boolean;
  /** The PNG, with the recipe in it; or the animation. */
  readonly data: Uint8Array;
}

export type InferenceResponse =
  | { readonly type: 'opened'; readonly model: string; readonly provider: ChosenProvider }
  | { readonly type: 'progress'; readonly id: number; readonly progress: InferenceProgress }
  | { readonly type: 'drawn'; readonly id: number; readonly pictures: readonly DrawnPicture[] }
  /** `input`: an InputError, its message for people; else a defect with its stack. `id` is absent when opening failed. */
  | { readonly type: 'failed'; readonly id?: number; readonly input: boolean; readonly message: string };
