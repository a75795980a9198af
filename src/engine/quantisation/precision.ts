import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../../errors.ts';
import { hasByteProducts } from '../processor.ts';
import { readWeightHeaders } from '../weights/component.ts';
import { RANGES_FILE, readRanges, StaleRangesError } from './ranges.ts';

/** What networks may be asked to compute in; `auto` is int8 where the model was calibrated and the processor is made for it. */
export const PRECISIONS = ['float32', 'int8', 'auto'] as const;
export type Precision = (typeof PRECISIONS)[number];

export interface ChosenPrecision {
  readonly precision: 'float32' | 'int8';
  /** Why it isn't int8, where that was for us to choose. */
  readonly reason?: string;
}

/**
 * The precision that a model folder is run in.
 * @throws InputError when int8 is asked for and the folder wasn't calibrated, or its weights were changed since
 */
export async function choosePrecision(modelDir: string, asked: Precision): Promise<ChosenPrecision> {
  if (asked === 'float32') return { precision: 'float32' };
  const reason = await whyNotInt8(modelDir);
  if (reason === undefined) {
    if (asked === 'int8' || hasByteProducts()) return { precision: 'int8' };
    return { precision: 'float32', reason: 'this processor has no products of bytes (VNNI)' };
  }
  if (asked === 'int8') throw new InputError(`int8: ${reason}`);
  return { precision: 'float32', reason };
}

async function whyNotInt8(modelDir: string): Promise<string | undefined> {
  const found = await readdir(modelDir, { recursive: true }).catch(() => []);
  const folders = found.filter((file) => basename(file) === RANGES_FILE).map((file) => join(modelDir, dirname(file)));
  if (folders.length === 0) {
    return `${basename(modelDir)} was not calibrated: npm run models -- quantize ${modelDir}`;
  }
  for (const folder of folders) {
    const component = { name: basename(folder), tensors: await readWeightHeaders(folder) };
    try {
      await readRanges(component);
    } catch (error) {
      if (error instanceof StaleRangesError) return error.message;
      throw error;
    }
  }
}
