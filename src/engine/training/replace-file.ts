import { open, rename, rm } from 'node:fs/promises';
import { explainFullDisk } from './full-disk.ts';

/**
 * Writes a file anew; the one before stays until the new one is whole and on the disk.
 * @param write is given the path to write to: one of this process alone
 */
export async function replaceFile(path: string, write: (partial: string) => Promise<void>): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  try {
    await explainFullDisk(path, async () => {
      await write(partial);
      const file = await open(partial, 'r+');
      await file.sync().finally(() => file.close());
      await rename(partial, path);
    });
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
