import { statfs } from 'node:fs/promises';
import { InputError } from '../../errors.ts';

/** @throws InputError where the disk of a folder has no room for so many bytes */
export async function expectRoom(dir: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  if (bytes <= bavail * bsize) return;
  const gigabytes = (count: number) => `${(count / 1e9).toFixed(1)} GB`;
  throw new InputError(`${dir}: expected room for ${gigabytes(bytes)}, found ${gigabytes(bavail * bsize)} free`);
}
