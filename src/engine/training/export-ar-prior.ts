import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { enoughFor, firstComponents } from '../pca/components.ts';
import { OWN_FOLDERS } from '../pipeline/kandinsky-folder.ts';
import type { Tensor } from '../tensor.ts';
import { writeSafetensors } from '../weights/safetensors.ts';
import { writeJson } from '../weights/write-model.ts';
import { checkpointOf, loadAverage } from './checkpoint.ts';
import type { PictureSet } from './data/picture-set.ts';
import { expectSizes } from './expect-sizes.ts';
import { openArPriorConfig } from './run-config.ts';
import type { Embeddings } from './tasks/features.ts';
import { openComponents } from './tasks/principal-components.ts';

/** Of image embeddings, in the components that a model has: the last ones tell nothing. */
const KEPT_VARIANCE = 0.999;

/** The principal components of image embeddings, and the autoregressive prior where one has been trained: float16. */
export async function exportArPrior(
  dir: string,
  runs: string,
  dataset: PictureSet,
  features: Embeddings,
  say: (line: string) => void,
): Promise<void> {
  const components = await openComponents(runs, dataset, features, say);
  const [there, width] = components.directions.shape as [number, number];
  // those of a model have been chosen before: each time that is repeated some of what was enough would go
  const count = there < width ? there : enoughFor(components, KEPT_VARIANCE);
  const config = { _class_name: 'PrincipalComponents', embedding_dim: width, num_components: count };
  const kept = firstComponents(components, count);
  await writeNetwork(join(dir, OWN_FOLDERS.principalComponents), config, new Map(Object.entries(kept)));
  const checkpoint = checkpointOf(runs, 'ar-prior');
  if (!existsSync(checkpoint)) return;
  const sizes = await openArPriorConfig(runs, components);
  const weights = await loadAverage(checkpoint);
  expectSizes(runs, 'ar-prior', sizes, weights);
  await writeNetwork(join(dir, OWN_FOLDERS.arPrior), { _class_name: 'AutoregressivePrior', ...sizes }, weights);
}

async function writeNetwork(dir: string, config: object, weights: ReadonlyMap<string, Tensor>): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeJson(join(dir, 'config.json'), config);
  await writeSafetensors(join(dir, 'model.safetensors'), weights, { dtype: 'F16' });
}
