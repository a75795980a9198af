import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findComponents, type PrincipalComponents } from '../../pca/components.ts';
import { tensor } from '../../tensor.ts';
import { readSafetensors, writeSafetensors } from '../../weights/safetensors.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { type Embeddings, gatherRows } from './features.ts';
import { indicesOf } from './pictures.ts';

const pathOf = (runs: string) => join(runs, 'ar-prior', 'components.safetensors');

export async function writeComponents(runs: string, components: PrincipalComponents): Promise<void> {
  await mkdir(dirname(pathOf(runs)), { recursive: true });
  await writeSafetensors(pathOf(runs), new Map(Object.entries(components)));
}

/**
 * The principal components of a runs folder: of the training pictures when they were first asked for, or of the model that
 * it started from. They never change after that: they are what the codes of the autoregressive prior mean.
 */
export async function openComponents(
  runs: string,
  set: PictureSet,
  features: Embeddings,
): Promise<PrincipalComponents> {
  if (!existsSync(pathOf(runs))) {
    const training = indicesOf(set, 'train');
    const width = features.embeddings.shape[1]!;
    const embeddings = tensor(gatherRows(features.embeddings, training), [training.length, width]);
    await writeComponents(runs, findComponents(embeddings));
  }
  const kept = await readSafetensors(pathOf(runs));
  return {
    mean: kept.get('mean')!,
    directions: kept.get('directions')!,
    deviations: kept.get('deviations')!,
  };
}
