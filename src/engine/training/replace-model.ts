import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../errors.ts';
import { OWN_FOLDERS } from '../pipeline/kandinsky-folder.ts';
import { CHECKPOINT } from './checkpoint.ts';

/** What a folder may hold that is no model yet: the card's own text stays, and nothing of a model is called as the others. */
const MAY_BE_THERE = /^(README\.md|LICENSE.*|\..*)$/;

/** @throws InputError for a folder that holds something else than a model: what is called as a part of one would be replaced */
export async function requireModelPlace(dir: string): Promise<void> {
  const names = existsSync(dir) ? await readdir(dir) : [];
  if (names.some((name) => existsSync(join(dir, name, CHECKPOINT))))
    throw new InputError(`${dir} is a folder of training runs: name another one for the model`);
  const other = names.find((name) => !MAY_BE_THERE.test(name));
  if (other && !names.includes('model_index.json'))
    throw new InputError(
      `${dir} is no model (it holds ${other} and no model_index.json), and an export would replace what is called as a part ` +
        'of one: name a folder that is new, empty or a model',
    );
}

/**
 * Has a model written, and puts it in the place of the one in a folder when all of it is there: until then, and where
 * that fails, the folder stays as it was. Parts of the model before go as a whole, with the ranges of int8 that lie in
 * them; what is no part of a model stays.
 * @param write is given the folder to write into
 */
export async function replaceModel(dir: string, write: (folder: string) => Promise<void>): Promise<void> {
  await mkdir(dir, { recursive: true });
  const [fresh, before] = [await mkdtemp(join(dir, '.export-')), await mkdtemp(join(dir, '.before-'))];
  try {
    await write(fresh);
    const written = await readdir(fresh);
    const replaced = [...new Set([...written, ...Object.values(OWN_FOLDERS)])].filter((name) =>
      existsSync(join(dir, name)),
    );
    await renameAll([
      ...replaced.map((name) => [join(dir, name), join(before, name)] as const),
      ...written.map((name) => [join(fresh, name), join(dir, name)] as const),
    ]);
  } finally {
    await Promise.all([fresh, before].map((folder) => rm(folder, { recursive: true })));
  }
}

/** All of them or none. */
async function renameAll(moves: readonly (readonly [from: string, to: string])[]): Promise<void> {
  const done: (readonly [string, string])[] = [];
  try {
    for (const move of moves) {
      await rename(...move);
      done.unshift(move);
    }
  } catch (error) {
    for (const [from, to] of done) await rename(to, from);
    throw error;
  }
}
