import { InputError } from '../../errors.ts';
import { draw } from '../pipeline/draw.ts';
import { openModel } from '../pipeline/open-model.ts';
import { recipesFor } from '../pipeline/recipes.ts';
import type { RuntimeOptions } from '../runtime/runtime.ts';
import { Calibration } from './calibration.ts';
import { CALIBRATION_PROMPTS } from './prompts.ts';

export interface CalibrationOptions {
  readonly runtime?: RuntimeOptions;
  /** How many pictures are drawn for it, with prompts of our own. */
  readonly pictures: number;
  /** Of the decoder, the model's own when absent. */
  readonly steps?: number;
  readonly onPicture?: (done: number) => void;
}

/**
 * Draws pictures in float32 and writes down the ranges of what went through each layer, beside the weights.
 * Guidance varies, as it widens what the networks see.
 * @returns the files that were written
 * @throws InputError for a model that can't be opened, or draws from no text
 */
export async function calibrateModel(
  modelDir: string,
  { runtime, pictures, steps, onPicture }: CalibrationOptions,
): Promise<string[]> {
  const calibration = new Calibration();
  const model = await openModel(modelDir, { ...runtime, precision: 'float32', calibration });
  try {
    if (model.priors.length === 0) throw new InputError(`${model.name}: to calibrate a model it must draw from texts`);
    for (let i = 0; i < pictures; i++) {
      const prompt = CALIBRATION_PROMPTS[i % CALIBRATION_PROMPTS.length]!;
      const guidanceScale = i % 3 === 2 ? 2 * model.defaults.guidanceScale : undefined;
      await draw(
        model,
        recipesFor(model, { operation: 'imagine', prompt }, { seed: i, count: 1, steps, guidanceScale }),
      );
      onPicture?.(i + 1);
    }
    return await calibration.write();
  } finally {
    await model.close();
  }
}
