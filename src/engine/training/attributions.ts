import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** File of the works that something was made from, in the folders of data sets, runs and models. */
export const ATTRIBUTION = 'ATTRIBUTION.md';

/** Whether the works of a data set or a model are told. */
export const isAttributed = (dir: string): boolean => existsSync(join(dir, ATTRIBUTION));

/** The works of a model or a data set go with all that is trained from it, beside those that are there. */
export async function keepAttribution(dir: string, runs: string): Promise<void> {
  const before = await worksOf(runs);
  const all = together(before, await worksOf(dir));
  if (all === before) return;
  await mkdir(runs, { recursive: true });
  await writeFile(join(runs, ATTRIBUTION), all);
}

/** The works that a run has learned from: those that it has kept, such as of the model that it started from, and of its data set. */
export const readAttributions = async (runs: string, data: string): Promise<string | undefined> =>
  together(await worksOf(runs), await worksOf(data)) || undefined;

/** Empty where they are not told. */
const worksOf = async (dir: string): Promise<string> =>
  isAttributed(dir) ? readFile(join(dir, ATTRIBUTION), 'utf8') : '';

/** Each once. */
const together = (before: string, own: string): string =>
  before.includes(own) ? before : [before, own].filter((text) => text !== '').join('\n');
