import { join } from 'node:path';
import { findComponents, type PrincipalComponents } from '../../pca/components.ts';
import { tensor } from '../../tensor.ts';
import { checkpointOf } from '../checkpoint.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { keptFor, sayAgain, writeKept } from '../kept-file.ts';
import { type Embeddings, gatherRows } from './features.ts';
import { indicesOf } from './pictures.ts';

const pathOf = (runs: string) => join(runs, 'ar-prior', 'components.safetensors');

/** @param clip digest of the weights of the CLIP that the embeddings come from */
export const writeComponents = (runs: string, clip: string, components: PrincipalComponents): Promise<void> =>
  writeKept(pathOf(runs), clip, new Map(Object.entries(components)));

/**
 * The principal components of a runs folder: of the training pictures when they were first asked for, or of the model that
 * it started from. Where CLIP has become another they are found anew, unless an autoregressive prior has learned: they are
 * what its codes mean.
 * @throws SafetensorsError where they are lost, and an autoregressive prior has learned with them
 */
export async function openComponents(
  runs: string,
  set: PictureSet,
  seen: Embeddings,
  say: (line: string) => void,
): Promise<PrincipalComponents> {
  const kept = await keptFor(checkpointOf(runs, 'ar-prior'), pathOf(runs), seen.clip, sayAgain(say), async () => {
    const training = indicesOf(set, 'train');
    const width = seen.embeddings.shape[1]!;
    const embeddings = tensor(gatherRows(seen.embeddings, training), [training.length, width]);
    return new Map(Object.entries(findComponents(embeddings)));
  });
  return {
    mean: kept.get('mean')!,
    directions: kept.get('directions')!,
    deviations: kept.get('deviations')!,
  };
}
