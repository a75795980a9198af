import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Tensor } from '../tensor.ts';
import { readMetadata, readSafetensors, writeSafetensors } from '../weights/safetensors.ts';
import { replaceFile } from './replace-file.ts';

type Named = ReadonlyMap<string, Tensor>;

/** SHA-256, in hex, of what something is computed from: JSON, and tensors by their names. */
export function digestOf(...parts: readonly (string | Named)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    if (typeof part === 'string') hash.update(part);
    else
      for (const name of [...part.keys()].sort()) {
        const { data, shape } = part.get(name)!;
        hash.update(JSON.stringify([name, shape]));
        hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      }
  }
  return hash.digest('hex');
}

/**
 * What a file holds that was computed from the same origin, else what is computed and written into it.
 * @param origin digest of all that it is computed from
 */
export async function keptIn(path: string, origin: string, compute: () => Promise<Named>): Promise<Named> {
  if (existsSync(path) && (await isFrom(path, origin))) return readSafetensors(path);
  const computed = await compute();
  await writeKept(path, origin, computed);
  return computed;
}

/**
 * The same of what a run learns in terms of: once it has a checkpoint, the file stays whatever its origin is.
 * @param checkpoint of that run
 */
export const keptFor = async (
  checkpoint: string,
  path: string,
  origin: string,
  compute: () => Promise<Named>,
): Promise<Named> =>
  existsSync(checkpoint) && existsSync(path) ? readSafetensors(path) : keptIn(path, origin, compute);

/** Writes a file that `keptIn` finds. */
export async function writeKept(path: string, origin: string, computed: Named): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, (partial) => writeSafetensors(partial, computed, { metadata: { origin } }));
}

const isFrom = async (path: string, origin: string) => (await readMetadata(path)).origin === origin;
