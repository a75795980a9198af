import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, open, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { explainFullDisk } from '../full-disk.ts';
import type { Collection, Item } from './bundled.ts';
import { DATASET_FILES } from './dataset.ts';
import { inkOf, PICTURE_BYTES, rasterise } from './rasterise.ts';

/** Pictures with less to see than this teach nothing. */
const MIN_INK = 0.04;
const BATCH = 64;

export interface BuildResult {
  readonly pictures: number;
  /** Why pictures were left out, and how many for each reason. */
  readonly skipped: ReadonlyMap<string, number>;
}

export interface BuildOptions {
  /** Called after each batch with the number of items done. */
  readonly onProgress?: (done: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Draws a collection into a folder that `Dataset` opens. What is done is kept: stopped at any moment and called again with
 * the same collection, it goes on after the last whole batch. Files get their names when all of it is there.
 */
export function buildDataset(dir: string, collection: Collection, options: BuildOptions = {}): Promise<BuildResult> {
  return explainFullDisk(dir, () => build(dir, collection, options));
}

async function build(dir: string, collection: Collection, options: BuildOptions): Promise<BuildResult> {
  await mkdir(dir, { recursive: true });
  const pictures = join(dir, `${DATASET_FILES.pictures}.partial`);
  const journal = join(dir, `${DATASET_FILES.metadata}.partial`);
  const lines = await resume(pictures, journal, fingerprint(collection.items));
  for (let from = lines.length; from < collection.items.length; from += BATCH) {
    options.signal?.throwIfAborted();
    const batch = await Promise.all(collection.items.slice(from, from + BATCH).map(draw));
    await appendFile(pictures, Buffer.concat(batch.flatMap(({ bytes }) => bytes ?? [])));
    const added = batch.map(({ line }) => line);
    await appendFile(journal, added.map((line) => `${JSON.stringify(line)}\n`).join(''));
    lines.push(...added);
    options.onProgress?.(lines.length);
  }
  return finish(dir, collection, lines, pictures, journal);
}

/** A line of the journal: the record of a picture, or why there is none. */
type Line = Item['record'] | { readonly skipped: string };

async function draw({ record, load }: Item): Promise<{ line: Line; bytes?: Buffer }> {
  let bytes: Buffer;
  try {
    bytes = await rasterise(await load());
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return { line: { skipped: missing ? 'the file is missing' : 'the file cannot be read as a picture' } };
  }
  if (inkOf(bytes) < MIN_INK) return { line: { skipped: `less than ${MIN_INK * 100} % of it is visible` } };
  return { line: record, bytes };
}

/** The journal's lines so far, with the pictures cut back to those that it describes; none when it is of other items. */
async function resume(pictures: string, journal: string, expected: string): Promise<Line[]> {
  if (existsSync(journal)) {
    const text = await readFile(journal, 'utf8');
    const [head, ...rest] = text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .slice(0, -1);
    if (head === expected) {
      const lines = rest.map((line): Line => JSON.parse(line));
      await rewrite(journal, [expected, ...rest]);
      await truncate(pictures, lines.filter((line) => !('skipped' in line)).length * PICTURE_BYTES);
      return lines;
    }
  }
  await writeFile(journal, `${expected}\n`);
  await writeFile(pictures, '');
  return [];
}

/** Without a last line that a sudden stop cut short. */
const rewrite = (path: string, lines: readonly string[]) => writeFile(path, lines.map((line) => `${line}\n`).join(''));

function fingerprint(items: readonly Item[]): string {
  const hash = createHash('sha256');
  for (const { record } of items) hash.update(`${JSON.stringify(record)}\n`);
  return hash.digest('hex');
}

async function finish(
  dir: string,
  collection: Collection,
  lines: readonly Line[],
  pictures: string,
  journal: string,
): Promise<BuildResult> {
  const records = lines.flatMap((line) => ('skipped' in line ? [] : line));
  const skipped = new Map<string, number>();
  for (const line of lines) if ('skipped' in line) skipped.set(line.skipped, (skipped.get(line.skipped) ?? 0) + 1);
  const shown = new Set(records.map(({ concept }) => concept));
  const concepts = collection.concepts.filter(({ id }) => shown.has(id));
  await flush(pictures);
  await rewrite(
    join(dir, DATASET_FILES.concepts),
    concepts.map(({ id, name, keywords, synonyms, hyponyms, hypernyms }) =>
      JSON.stringify({ id, name, keywords, synonyms, hyponyms, hypernyms }),
    ),
  );
  await rename(pictures, join(dir, DATASET_FILES.pictures));
  await rewrite(
    join(dir, DATASET_FILES.metadata),
    records.map((record) => JSON.stringify(record)),
  );
  await rm(journal);
  return { pictures: records.length, skipped };
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r+');
  await file.sync().finally(() => file.close());
}
