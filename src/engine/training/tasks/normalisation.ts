import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Tensor, tensor } from '../../tensor.ts';
import { readSafetensors, writeSafetensors } from '../../weights/safetensors.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { type Embeddings, moments } from './features.ts';
import { indicesOf } from './pictures.ts';

/** Mean and standard deviation of each dimension of z_i, (1, P): the prior works on (z_i − mean)/deviation. */
export interface Normalisation {
  readonly mean: Tensor;
  readonly deviation: Tensor;
}

const pathOf = (runs: string) => join(runs, 'prior', 'normalisation.safetensors');

export async function writeNormalisation(runs: string, { mean, deviation }: Normalisation): Promise<void> {
  await mkdir(dirname(pathOf(runs)), { recursive: true });
  await writeSafetensors(pathOf(runs), new Map(Object.entries({ clip_mean: mean, clip_std: deviation })));
}

/**
 * The normalisation of a runs folder: that of the training pictures when the prior began to learn, or of the model that it
 * started from. It never changes after that: to the prior, another one would be another space.
 */
export async function openNormalisation(runs: string, set: PictureSet, features: Embeddings): Promise<Normalisation> {
  if (!existsSync(pathOf(runs))) {
    const { mean, deviation } = moments(features.embeddings, indicesOf(set, 'train'));
    const shape = [1, mean.length];
    await writeNormalisation(runs, { mean: tensor(mean, shape), deviation: tensor(deviation, shape) });
  }
  const kept = await readSafetensors(pathOf(runs));
  return { mean: kept.get('clip_mean')!, deviation: kept.get('clip_std')! };
}
