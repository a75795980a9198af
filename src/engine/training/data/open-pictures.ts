import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../../../errors.ts';
import { withCompositions } from './compose/composed-set.ts';
import { Dataset } from './dataset.ts';
import type { PictureSet } from './picture-set.ts';

/** How many compositions a data set's folder asks for, and from which seed they follow. */
const Compositions = z.strictObject({ count: z.int().positive(), seed: z.int().nonnegative() });

const FILE = 'compositions.json';

/** Has compositions of a data set's pictures stand behind them from now on, or none. */
export async function writeCompositions(dir: string, compositions?: z.infer<typeof Compositions>): Promise<void> {
  const path = join(dir, FILE);
  if (compositions) await writeFile(path, `${JSON.stringify(Compositions.parse(compositions))}\n`);
  else await rm(path, { force: true });
}

/**
 * The pictures of a data set's folder, with compositions where it asks for them.
 * @throws InputError when the folder is no data set, or a damaged one
 */
export function openPictures(dir: string): PictureSet {
  const set = new Dataset(dir);
  const path = join(dir, FILE);
  if (!existsSync(path)) return set;
  try {
    return withCompositions(set, Compositions.parse(JSON.parse(readFileSync(path, 'utf8'))));
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof z.ZodError)) throw error;
    throw new InputError(`${path}: expected {"count": 3000, "seed": 0}`);
  }
}
