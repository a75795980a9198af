import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** File of the works that something was made from, in the folders of data sets, runs and models. */
export const ATTRIBUTION = 'ATTRIBUTION.md';

/** Whether the works of a data set or a model are told. */
export const isAttributed = (dir: string): boolean => existsSync(join(dir, ATTRIBUTION));

/** The works of a model or a data set go with all that is trained from it, beside those that are there. */
export async function keepAttribution(dir: string, runs: string): Promise<void> {
  const path = join(dir, ATTRIBUTION);
  if (!existsSync(path)) return;
  await mkdir(runs, { recursive: true });
  const [own, kept] = [await readFile(path, 'utf8'), join(runs, ATTRIBUTION)];
  const before = existsSync(kept) ? await readFile(kept, 'utf8') : '';
  if (!before.includes(own)) await writeFile(kept, before === '' ? own : `${before}\n${own}`);
}

/** The works that a run has learned from: those that it has kept, such as of the model that it started from, and of its data set. */
export async function readAttributions(runs: string, data: string): Promise<string | undefined> {
  const read = async (dir: string) => {
    const path = join(dir, ATTRIBUTION);
    return existsSync(path) ? await readFile(path, 'utf8') : '';
  };
  const [kept, own] = [await read(runs), await read(data)];
  const texts = kept.includes(own) ? [kept] : [kept, own].filter((text) => text !== '');
  return texts.join('\n') || undefined;
}
