import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Tensor } from '../tensor.ts';
import {
  readMetadata,
  readSafetensors,
  SafetensorsError,
  shortPath,
  writeSafetensors,
} from '../weights/safetensors.ts';
import { replaceFile } from './replace-file.ts';

type Named = ReadonlyMap<string, Tensor>;
type OnDamage = (damage: string) => void;

/** Of a file that can be computed again. */
export const sayAgain =
  (say: (line: string) => void): OnDamage =>
  (damage) =>
    say(`${damage}, and is computed again`);

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
 * @param origin   digest of all that it is computed from
 * @param onDamage is told of a damaged file before it is computed again; it stays where this throws
 */
export async function keptIn(
  path: string,
  origin: string,
  onDamage: OnDamage,
  compute: () => Promise<Named>,
): Promise<Named> {
  const kept = await readFrom(path, origin).catch((error) => {
    onDamage(damageOf(error, path));
  });
  if (kept) return kept;
  const computed = await compute();
  await writeKept(path, origin, computed);
  return computed;
}

/**
 * The same of what a run learns in terms of: once it has a checkpoint, the file stays whatever its origin is.
 * @param checkpoint of that run
 * @throws SafetensorsError where it has one and the file is missing or damaged: with another one in its place, what was
 * learned would mean nothing
 */
export const keptFor = async (
  checkpoint: string,
  path: string,
  origin: string,
  onDamage: OnDamage,
  compute: () => Promise<Named>,
): Promise<Named> => (existsSync(checkpoint) ? readLearnt(checkpoint, path) : keptIn(path, origin, onDamage, compute));

/** That of a run with a checkpoint. @throws SafetensorsError where it is missing or damaged */
export async function readLearnt(checkpoint: string, path: string): Promise<Named> {
  const folder = dirname(checkpoint);
  const refuse = (what: string) =>
    new SafetensorsError(
      `${what}, and what ${basename(folder)} has learned means nothing without it: put back a copy of it, or ` +
        `delete ${folder}, and that part begins anew, or with --from as the model that the runs began from has it`,
    );
  if (!existsSync(path)) throw refuse(`${path} is missing`);
  return readSafetensors(path).catch((error) => {
    throw refuse(damageOf(error, path));
  });
}

/** Writes a file that `keptIn` finds. */
export async function writeKept(path: string, origin: string, computed: Named): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, (partial) => writeSafetensors(partial, computed, { metadata: { origin } }));
}

/** Undefined where there is none, or one of another origin. */
async function readFrom(path: string, origin: string): Promise<Named | undefined> {
  if (!existsSync(path) || (await readMetadata(path)).origin !== origin) return undefined;
  return readSafetensors(path);
}

/** What is wrong with which file. @throws any other error again */
function damageOf(error: unknown, path: string): string {
  if (!(error instanceof SafetensorsError)) throw error;
  return `${path} is damaged (${error.message.replace(`${shortPath(path)}: `, '')})`;
}
