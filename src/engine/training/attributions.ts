import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { markOf, splitAtMark } from './own-text.ts';
import { replaceFile } from './replace-file.ts';

/** File of the works that something was made from, in the folders of data sets, runs and models. */
export const ATTRIBUTION = 'ATTRIBUTION.md';

/** Whether the works of a data set or a model are told. */
export const isAttributed = (dir: string): boolean => existsSync(join(dir, ATTRIBUTION));

const MARK = markOf('npm run data');
const UNMARKED = /^# Attribution\nThe pictures were resized[^\n]*\n\n(?:\|.*\n)+/;

/** Has the works that `npm run data` knows of stand in a data set's folder, or none; what people have written there stays. */
export async function writeAttribution(dir: string, works = ''): Promise<void> {
  const path = join(dir, ATTRIBUTION);
  const before = await readFrom(dir);
  // without a mark: people's, but for a table that a call has written before there was one
  const own = (splitAtMark(before, MARK)?.own ?? before.replace(works, '').replace(UNMARKED, '')).trimStart();
  const text = [works && `${works}${MARK}\n`, own].filter((part) => part !== '').join('\n');
  if (text === '') await rm(path, { force: true });
  else await replaceFile(path, (partial) => writeFile(partial, text));
}

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

/** Those that `npm run data` knows of, then those that people have written down; empty where none are told. */
async function worksOf(dir: string): Promise<string> {
  const text = await readFrom(dir);
  const { written, own } = splitAtMark(text, MARK) ?? { written: text, own: '' };
  return written + own;
}

/** Empty where there is no such file. */
const readFrom = async (dir: string): Promise<string> =>
  isAttributed(dir) ? readFile(join(dir, ATTRIBUTION), 'utf8') : '';

/** Each once. */
const together = (before: string, own: string): string =>
  before.includes(own) ? before : [before, own].filter((text) => text !== '').join('\n');
