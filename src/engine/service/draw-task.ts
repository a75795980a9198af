import { MAX_COUNT, type Recipe } from '../../recipe.ts';
import type { Task } from '../../task.ts';
import { encodePng, encodePreview, pictureFromTensor } from '../images/encode-picture.ts';
import { encodeSeries } from '../images/encode-series.ts';
import { draw, type Progress } from '../pipeline/draw.ts';
import type { Model } from '../pipeline/model.ts';
import { type PictureFile, plan } from '../pipeline/plan.ts';
import type { Tensor } from '../tensor.ts';
import type { DrawnPicture, InferenceProgress } from './inference-messages.ts';

export interface DrawTaskHooks {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: InferenceProgress) => void;
}

/** Milliseconds between previews: no message is edited more often. */
const PREVIEW_INTERVAL = 1500;
/** Part of the time that may go into previews: each is a run of the MoVQ, seconds with a large model on a CPU. */
const PREVIEW_SHARE = 0.1;

/** @throws InputError for a picture or recipe that can't be used */
export async function drawTask(model: Model, task: Task<PictureFile>, hooks: DrawTaskHooks): Promise<DrawnPicture[]> {
  const { recipes, drawn } = await plan(model, task, {
    signal: hooks.signal,
    onInversion: (progress) => hooks.onProgress({ stage: 'inversion', ...progress }),
  });
  const { images } = await draw(model, recipes, {
    signal: hooks.signal,
    onStep: watch(model, recipes, hooks),
    drawn,
  });
  if (task.kind === 'interpolate') {
    const data = await encodeSeries(images.map(pictureFromTensor), 'gif');
    return [{ recipe: recipes[0]!, extension: 'gif', data }];
  }
  return Promise.all(
    images.map(async (image, i) => {
      const recipe = recipes[i] as Recipe;
      const unread = recipe.prompt === undefined ? undefined : model.overflow(recipe.prompt);
      const canGrow = model.upscaler !== undefined && !recipe.upscaled;
      return { recipe, unread, canGrow, data: await encodePng(pictureFromTensor(image), recipe) };
    }),
  );
}

/** Turns the steps of single pictures into the progress of the drawing, with a preview now and then. */
function watch(model: Model, { length: pictures }: readonly Recipe[], hooks: DrawTaskHooks) {
  const latest: Tensor[] = [];
  let stepsDone = 0;
  let nextPreviewAt = 0;
  let previewing = false;

  async function showPreview(progress: () => InferenceProgress) {
    const start = performance.now();
    const every = Math.ceil(pictures / MAX_COUNT);
    const shown = latest.filter((_, i) => i % every === 0);
    const images = await Promise.all(shown.map((x0) => model.preview(x0)));
    const previews = await Promise.all(images.map((image) => encodePreview(pictureFromTensor(image))));
    const cost = performance.now() - start;
    nextPreviewAt = performance.now() + Math.max(PREVIEW_INTERVAL, cost / PREVIEW_SHARE);
    if (!hooks.signal.aborted) hooks.onProgress({ ...progress(), previews });
  }

  return ({ picture, stage, step, steps, x0 }: Progress) => {
    if (stage === 'prior') return;
    if (x0) latest[picture] = x0;
    stepsDone++;
    if (stepsDone % pictures !== 0) return;
    const progress = () => ({ step: Math.floor(stepsDone / pictures), steps });
    if (previewing) return;
    if (step === steps || latest.length === 0 || performance.now() < nextPreviewAt) return hooks.onProgress(progress());
    previewing = true;
    showPreview(progress)
      // What breaks the MoVQ here breaks the drawing's end too, which reports it.
      .catch(() => {})
      .finally(() => {
        previewing = false;
      });
  };
}
