import { join } from 'node:path';
import { type Tensor, tensor } from '../../tensor.ts';
import { checkpointOf } from '../checkpoint.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { keptFor, sayAgain, writeKept } from '../kept-file.ts';
import { type Embeddings, moments } from './features.ts';
import { indicesOf } from './pictures.ts';

/** Mean and standard deviation of each dimension of z_i, (1, P): the prior works on (z_i − mean)/deviation. */
export interface Normalisation {
  readonly mean: Tensor;
  readonly deviation: Tensor;
}

export const normalisationPath = (runs: string) => join(runs, 'prior', 'normalisation.safetensors');
const named = ({ mean, deviation }: Normalisation) => new Map(Object.entries({ clip_mean: mean, clip_std: deviation }));

/** @param clip digest of the weights of the CLIP that z_i comes from */
export const writeNormalisation = (runs: string, clip: string, normalisation: Normalisation): Promise<void> =>
  writeKept(normalisationPath(runs), clip, named(normalisation));

/**
 * The normalisation of a runs folder: that of the training pictures when the prior began to learn, or of the model that it
 * started from. It never changes after that, not with CLIP either: to the prior, another one would be another space.
 * @throws SafetensorsError where it is lost, and the prior has learned with it
 */
export async function openNormalisation(
  runs: string,
  set: PictureSet,
  seen: Embeddings,
  say: (line: string) => void,
): Promise<Normalisation> {
  const kept = await keptFor(
    checkpointOf(runs, 'prior'),
    normalisationPath(runs),
    seen.clip,
    sayAgain(say),
    async () => {
      const { mean, deviation } = moments(seen.embeddings, indicesOf(set, 'train'));
      const shape = [1, mean.length];
      return named({ mean: tensor(mean, shape), deviation: tensor(deviation, shape) });
    },
  );
  return { mean: kept.get('clip_mean')!, deviation: kept.get('clip_std')! };
}
