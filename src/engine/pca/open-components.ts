import { z } from 'zod';
import { tensorEntry } from '../ops/weights.ts';
import { openComponent } from '../weights/component.ts';
import { count } from '../weights/config.ts';
import { expectFinite } from '../weights/finite.ts';
import { readTensor } from '../weights/safetensors.ts';
import type { PrincipalComponents } from './components.ts';

/** config.json of principal components in a model folder. */
export const ComponentsConfig = z.strictObject({
  embedding_dim: count(),
  /** Those that are there; all when absent. */
  num_components: count().optional(),
});

/** Names and shapes of their tensors. */
export const componentShapes = ({
  embedding_dim: width,
  num_components: kept = width,
}: z.infer<typeof ComponentsConfig>) => ({ mean: [1, width], directions: [kept, width], deviations: [1, kept] });

/** @throws InputError for a folder that is incomplete or damaged */
export async function openComponents(dir: string): Promise<PrincipalComponents> {
  const component = await openComponent(dir, 'PrincipalComponents', ComponentsConfig);
  const shapes = componentShapes(component.config);
  const read = async (name: keyof typeof shapes) => {
    const entry = tensorEntry(component, name, shapes[name]);
    await expectFinite([entry]);
    return readTensor(entry);
  };
  return { mean: await read('mean'), directions: await read('directions'), deviations: await read('deviations') };
}
