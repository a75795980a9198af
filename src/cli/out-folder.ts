import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InputError } from '../errors.ts';

/** Makes the folder for what a command writes, before its work begins. @throws InputError where there can be none */
export async function makeOutFolder(folder: string): Promise<void> {
  try {
    await makeFolder(folder);
  } catch (error) {
    throw new InputError(`--out ${folder}: this folder can't be made (${(error as NodeJS.ErrnoException).code})`);
  }
  if (!(await stat(folder)).isDirectory()) throw new InputError(`--out ${folder}: expected a folder, found a file`);
}

/** Parent by parent: mkdir's own `recursive` never ends where the system lets nobody make folders, such as /proc. */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(folder) === folder) throw error;
    await makeFolder(dirname(folder));
    await mkdir(folder);
  }
}
