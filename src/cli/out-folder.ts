import { mkdir, rmdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InputError } from '../errors.ts';

/**
 * Makes the folder for what a command writes, before its work begins, and takes it away again where the work fails
 * and nothing is in it.
 * @throws InputError where there can be none
 */
export async function withOutFolder<R>(folder: string, work: () => Promise<R>): Promise<R> {
  const made = await makeOutFolder(folder);
  try {
    return await work();
  } catch (error) {
    await removeEmpty(made);
    throw error;
  }
}

/** @returns the folders that weren't there, outermost first */
async function makeOutFolder(folder: string): Promise<string[]> {
  const made: string[] = [];
  try {
    await makeFolder(folder, made);
  } catch (error) {
    await removeEmpty(made);
    throw new InputError(`--out ${folder}: this folder can't be made (${(error as NodeJS.ErrnoException).code})`);
  }
  if (!(await stat(folder)).isDirectory()) throw new InputError(`--out ${folder}: expected a folder, found a file`);
  return made;
}

/** Innermost first, up to one that something is in. */
async function removeEmpty(made: readonly string[]): Promise<void> {
  try {
    for (const folder of made.toReversed()) await rmdir(folder);
  } catch {
    // What is in it stays; the error that is on its way says what went wrong.
  }
}

/** Parent by parent: mkdir's own `recursive` never ends where the system lets nobody make folders, such as /proc. */
async function makeFolder(folder: string, made: string[]): Promise<void> {
  try {
    await mkdir(folder);
    made.push(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(folder) === folder) throw error;
    await makeFolder(dirname(folder), made);
    await mkdir(folder);
    made.push(folder);
  }
}
