import type { Settings } from '../../recipe.ts';
import { pictureFromTensor } from '../images/encode-picture.ts';
import { draw } from '../pipeline/draw.ts';
import type { Model } from '../pipeline/model.ts';
import { openModel } from '../pipeline/open-model.ts';
import { recipesFor } from '../pipeline/recipes.ts';
import type { RuntimeOptions } from '../runtime/runtime.ts';
import type { Tensor } from '../tensor.ts';
import { cosine } from '../vectors.ts';

/** Means over the prompts, by the model's own CLIP. */
export interface PrecisionComparison {
  readonly prompts: number;
  /** Cosine of the embeddings of a prompt's two pictures, drawn in float32 and in int8 from one seed. */
  readonly samePicture: number;
  /** Cosine of prompt and picture. */
  readonly float32: number;
  readonly int8: number;
  /** Part of the likeness to the prompt that int8 loses. */
  readonly loss: number;
}

export interface ComparisonOptions {
  readonly prompts: readonly string[];
  readonly runtime?: RuntimeOptions;
  /** Of the decoder, the model's own when absent. */
  readonly steps?: number;
  /** Each pair that was drawn. */
  readonly onPair?: (prompt: string, float32: Tensor, int8: Tensor) => void | Promise<void>;
}

/**
 * Draws a picture for each prompt in both precisions, from the same seeds.
 * @throws InputError for a model that can't be opened, wasn't calibrated or has no image encoder
 */
export async function comparePrecisions(
  modelDir: string,
  { prompts, runtime, steps, onPair }: ComparisonOptions,
): Promise<PrecisionComparison> {
  const float32 = await openModel(modelDir, { ...runtime, precision: 'float32' });
  const int8 = await openModel(modelDir, { ...runtime, precision: 'int8' });
  const sums = { samePicture: 0, float32: 0, int8: 0 };
  try {
    for (const [seed, prompt] of prompts.entries()) {
      const text = await float32.encodeText(prompt);
      const settings = { seed, steps, count: 1 };
      const [exact, rounded] = [await drawOne(float32, prompt, settings), await drawOne(int8, prompt, settings)];
      const [of32, of8] = [await embed(float32, exact), await embed(float32, rounded)];
      sums.samePicture += cosine(of32.data, of8.data);
      sums.float32 += cosine(text.data, of32.data);
      sums.int8 += cosine(text.data, of8.data);
      await onPair?.(prompt, exact, rounded);
    }
  } finally {
    await Promise.all([float32.close(), int8.close()]);
  }
  const count = prompts.length;
  return {
    prompts: count,
    samePicture: sums.samePicture / count,
    float32: sums.float32 / count,
    int8: sums.int8 / count,
    loss: 1 - sums.int8 / sums.float32,
  };
}

async function drawOne(model: Model, prompt: string, settings: Settings & { seed: number }): Promise<Tensor> {
  const { images } = await draw(model, recipesFor(model, { operation: 'imagine', prompt }, settings));
  return images[0]!;
}

const embed = (model: Model, image: Tensor) => model.embedPicture(pictureFromTensor(image));
