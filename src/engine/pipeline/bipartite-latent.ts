import type { SeededSettings } from '../../task.ts';
import type { Picture } from '../images/picture.ts';
import type { Tensor } from '../tensor.ts';
import { sizeOf } from './decode-settings.ts';
import { invert } from './invert.ts';
import type { DecodeRequest, Model } from './model.ts';

/** What a picture is to the decoder, Ramesh et al. 2022, section 3: (z_i, x_T). */
export interface BipartiteLatent {
  /** z_i, (1, E): what it shows. */
  readonly imageEmbedding: Tensor;
  /** x_T, (1, C, h, w): all that z_i leaves open. */
  readonly start: Tensor;
}

export interface InversionHooks {
  readonly signal?: AbortSignal;
  /** Steps done, 1 … steps, of all pictures together. */
  readonly onInversion?: (progress: { readonly step: number; readonly steps: number }) => void;
}

type InversionSettings = SeededSettings & Required<Pick<SeededSettings, 'steps' | 'guidanceScale'>>;

/** With fewer the inversion finds another picture. */
export const MIN_INVERSION_STEPS = 50;

/** Of a picture that is changed: without any it seldom gets where the text leads, with more the inversion goes astray. */
export const MODIFY_GUIDANCE = 2;

/**
 * Settings for drawings that start at an x_T, where nothing else is asked for: x_T is exact in many steps and without
 * guidance, and it is DDIM that draws the picture again from it.
 */
export const inversionSettings = (model: Model, asked: SeededSettings, guidanceScale = 1): InversionSettings => ({
  ...asked,
  steps: asked.steps ?? Math.max(model.defaults.steps, MIN_INVERSION_STEPS),
  guidanceScale: asked.guidanceScale ?? guidanceScale,
  sampler: asked.sampler ?? 'ddim',
});

/**
 * @param settings  with the text of the drawings that are to begin at x_T
 * @throws InputError for settings that this model can't follow
 */
export async function bipartiteLatents(
  model: Model,
  pictures: readonly Picture[],
  settings: InversionSettings & Pick<DecodeRequest, 'prompt' | 'negativePrompt'>,
  { signal, onInversion }: InversionHooks,
): Promise<BipartiteLatent[]> {
  let step = 0;
  const onStep = ({ steps }: { readonly steps: number }) =>
    onInversion?.({ step: ++step, steps: steps * pictures.length });
  return Promise.all(
    pictures.map(async (picture) => {
      const imageEmbedding = await model.embedPicture(picture);
      const x0 = await model.encode(picture, sizeOf(model, settings));
      const request = { ...settings, embedding: { imageEmbedding } };
      return { imageEmbedding, start: await invert(model, x0, request, { signal, onStep }) };
    }),
  );
}
