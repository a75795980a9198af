import { z } from 'zod';
import { tensorEntry } from '../ops/weights.ts';
import { openComponent } from '../weights/component.ts';
import { count } from '../weights/config.ts';
import { expectFinite } from '../weights/finite.ts';
import { readTensor } from '../weights/safetensors.ts';
import type { PrincipalComponents } from './components.ts';

/** config.json of principal components in a model folder. */
export const ComponentsConfig = z.strictObject({ embedding_dim: count() });

/** @throws InputError for a folder that is incomplete or damaged */
export async function openComponents(dir: string): Promise<PrincipalComponents> {
  const component = await openComponent(dir, 'PrincipalComponents', ComponentsConfig);
  const { embedding_dim: width } = component.config;
  const read = async (name: string, rows: number) => {
    const entry = tensorEntry(component, name, [rows, width]);
    await expectFinite([entry]);
    return readTensor(entry);
  };
  return {
    mean: await read('mean', 1),
    directions: await read('directions', width),
    deviations: await read('deviations', 1),
  };
}
