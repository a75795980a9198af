import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { isAbsolute, join, normalize, sep } from 'node:path';

/** Files below a folder, relative to it, always in the same order. */
export async function* walk(dir: string, below = ''): AsyncGenerator<string> {
  const entries = await readdir(join(dir, below), { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(below, entry.name);
    if (entry.isDirectory()) yield* walk(dir, path);
    else yield path;
  }
}

/** Whether a path relative to a folder, such as a name out of somebody's file, leads to something in it. */
export function staysBelow(name: string): boolean {
  return !isAbsolute(name) && normalize(name).split(sep)[0] !== '..';
}

/** The first of these that is there, relative to the folder. */
export const firstThere = (dir: string, candidates: readonly string[]): string | undefined =>
  candidates.find((candidate) => existsSync(join(dir, candidate)));
