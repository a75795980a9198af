import type { PriorConfig } from '../networks/prior.ts';
import type { PrincipalComponents } from '../pca/components.ts';
import { openArPrior } from '../runtime/networks/ar-prior.ts';
import type { ModelOptions } from './model.ts';
import { expectFit, ModelFolderError } from './model-folder.ts';
import { type ArPriorStage, arPriorStage } from './sample-ar-prior.ts';

/**
 * @param components  what the codes mean
 * @throws InputError for a folder that is damaged, or doesn't fit the diffusion prior beside it
 */
export async function openArPriorStage(
  folder: string,
  components: PrincipalComponents | undefined,
  prior: PriorConfig,
  options: ModelOptions & { readonly maxRows: number },
): Promise<ArPriorStage> {
  if (!components) throw new ModelFolderError(`${folder}: its codes mean nothing without prior_pca beside it`);
  const network = await openArPrior(folder, options);
  for (const key of ['embedding_dim', 'num_embeddings'] as const) {
    expectFit(`prior_ar: ${key}`, network.config[key], [prior[key]], 'prior');
  }
  return arPriorStage(network, components, options.maxRows);
}
