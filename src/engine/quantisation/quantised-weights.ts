import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDir } from '../cache.ts';
import type { Component } from '../weights/component.ts';
import { readSafetensorsHeader, type TensorEntry } from '../weights/safetensors.ts';
import { hasByteProducts } from './processor.ts';
import { quantiseComponent } from './quantise-component.ts';
import { fingerprint, type Ranges } from './ranges.ts';

/** Changes when what is written changes. */
const FORMAT = 1;

/**
 * The 8-bit weights of a component: written at the first use to the user's cache, a byte a parameter, found there later.
 * Weights that lie in the model's folder stay what they are.
 */
export async function quantisedWeights(
  component: Component<unknown>,
  ranges: Ranges,
): Promise<ReadonlyMap<string, TensorEntry>> {
  const peak = hasByteProducts() ? 127 : 63;
  const key = JSON.stringify([FORMAT, peak, await fingerprint(component), ranges]);
  const name = createHash('sha256').update(key).digest('hex').slice(0, 32);
  const folder = cacheDir('int8');
  const path = join(folder, `${name}.safetensors`);
  if (!existsSync(path)) {
    await mkdir(folder, { recursive: true });
    const unfinished = `${path}.${process.pid}`;
    await quantiseComponent(component, ranges, { path: unfinished, peak });
    await rename(unfinished, path);
  }
  return readSafetensorsHeader(path);
}
