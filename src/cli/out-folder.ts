import { mkdir, mkdtemp, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InputError } from '../errors.ts';

/**
 * Makes the folder for what a command writes, before its work begins, and takes it away again where the work fails
 * and nothing is in it.
 * @param name how the command line names it, for messages
 * @throws InputError where there can be none, or nothing can be written into it
 */
export async function withOutFolder<R>(folder: string, work: () => Promise<R>, name = '--out'): Promise<R> {
  const made = await makeOutFolder(folder, name);
  try {
    return await work();
  } catch (error) {
    await removeEmpty(made);
    throw error;
  }
}

/** @returns the folders that weren't there, outermost first */
async function makeOutFolder(folder: string, name: string): Promise<string[]> {
  const made: string[] = [];
  try {
    await makeFolder(folder, made);
  } catch (error) {
    await removeEmpty(made);
    throw new InputError(`${name} ${folder}: this folder can't be made (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    await tryToWrite(folder);
  } catch (error) {
    await removeEmpty(made);
    const { code } = error as NodeJS.ErrnoException;
    const found = code === 'ENOTDIR' ? 'expected a folder, found a file' : `nothing can be written there (${code})`;
    throw new InputError(`${name} ${folder}: ${found}`);
  }
  return made;
}

/** By writing, as `access` says that root may write everywhere, in /proc too. */
async function tryToWrite(folder: string): Promise<void> {
  await rmdir(await mkdtemp(join(folder, '.writable-')));
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
