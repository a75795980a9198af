import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../errors.ts';
import { cacheDir } from '../cache.ts';
import { hasByteProducts } from '../processor.ts';
import type { Component } from '../weights/component.ts';
import { readSafetensorsHeader, type TensorEntry } from '../weights/safetensors.ts';
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
    await mkdir(folder, { recursive: true }).catch((error: Error) => {
      throw new InputError(`int8: the folder of its weights, set by XDG_CACHE_HOME: ${error.message}`);
    });
    await writeWhole(path, (unfinished) => quantiseComponent(component, ranges, { path: unfinished, peak }));
  }
  return readSafetensorsHeader(path);
}

/** Nobody finds a file that is half written, or was left so. */
async function writeWhole(path: string, write: (unfinished: string) => Promise<void>): Promise<void> {
  const unfinished = `${path}.${randomUUID()}`;
  try {
    await write(unfinished);
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
}
