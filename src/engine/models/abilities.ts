import { OPERATIONS, SAMPLERS } from '../../recipe.ts';
import type { Model } from '../pipeline/model.ts';
import { openModel } from '../pipeline/open-model.ts';

/** What a model can do. */
export interface Abilities {
  readonly operations: readonly string[];
  /** What makes z_i of a text. */
  readonly priors: readonly string[];
  /** The model's own first. */
  readonly samplers: readonly string[];
  /** Width and height of its pictures when nothing else is asked for, in pixels. */
  readonly size: number;
  /** Other widths and heights are multiples of this. */
  readonly sizeStep: number;
  /** Steps of its upsampler, 0 where it has none. */
  readonly upsamplerSteps: number;
  /** Steps in which it makes a drawn picture 4 times as large, 0 where it can't. */
  readonly upscaleSteps: number;
  /** Does its decoder see the mask, and what is kept of the picture? */
  readonly inpaintingDecoder: boolean;
}

/**
 * Opens a model as drawing does, so that whatever doesn't fit together is found.
 * @param seesPictures  has it an image encoder?
 * @throws InputError as `openModel` does
 */
export async function abilitiesOf(dir: string, seesPictures: boolean): Promise<Abilities> {
  const model = await openModel(dir);
  return {
    operations: OPERATIONS.filter((operation) => canDo(operation, model, seesPictures)),
    priors: model.priors,
    samplers: [...new Set([model.sampler, ...SAMPLERS])],
    size: model.pictureSize,
    sizeStep: model.sizeStep,
    upsamplerSteps: model.upsamplerSteps,
    upscaleSteps: model.upscaler?.steps ?? 0,
    inpaintingDecoder: model.seesKept,
  };
}

function canDo(operation: (typeof OPERATIONS)[number], model: Model, seesPictures: boolean): boolean {
  if (operation === 'imagine') return model.priors.length > 0;
  return seesPictures && (operation !== 'pca' || model.principalComponents !== undefined);
}
