import { appendFile, mkdir, open, rename, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../../../errors.ts';
import { writeJson } from '../../weights/write-model.ts';
import { explainFullDisk } from '../full-disk.ts';
import { withLock } from '../lock.ts';
import type { Collection, Item } from './collection.ts';
import type { Concept } from './concepts.ts';
import { DATASET_FILES, type Dataset, type PictureRecord } from './dataset.ts';
import { Journal, type Outcome, undrawn } from './journal.ts';
import { LeftOut } from './left-out.ts';
import { inkOf, rasterise } from './rasterise.ts';

/** Pictures with less to see than this teach nothing. */
const MIN_INK = 0.04;
const BATCH = 64;

export interface BuildResult {
  readonly pictures: number;
  /** How many of them no training sees. */
  readonly heldOut: number;
  readonly leftOut: LeftOut;
}

export interface BuildOptions {
  /** Cut pictures to a square instead of keeping all of them with a margin. */
  readonly crop?: boolean;
  /** Called after each batch with the number of items done. */
  readonly onProgress?: (done: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Draws a collection into a folder that `Dataset` opens. What is done is kept: stopped at any moment and called again with
 * the same collection, it goes on after the last whole batch; what was left out is tried again, and a file that has changed is
 * drawn again. Files get their names when all of it is there. Where it fails before a picture is drawn, or for nothing to learn
 * from, nothing of it stays.
 * @throws InputError when nothing could be drawn, all of it would be held out, or the disk is full
 */
export function buildDataset(dir: string, collection: Collection, options: BuildOptions = {}): Promise<BuildResult> {
  return explainFullDisk(dir, () => withLock(dir, 'builds a data set there', () => build(dir, collection, options)));
}

async function build(dir: string, collection: Collection, options: BuildOptions): Promise<BuildResult> {
  await mkdir(dir, { recursive: true });
  const pictures = join(dir, `${DATASET_FILES.pictures}.partial`);
  const { crop = false } = options;
  const journal = await Journal.open(join(dir, 'journal.partial'), pictures, JSON.stringify({ crop }));
  try {
    const result = await drawAll(collection, journal, options);
    await writeJson(join(dir, DATASET_FILES.leftOut), result.leftOut.list());
    await finish(dir, collection, journal, pictures);
    return result;
  } catch (error) {
    await journal.removeIfEmpty();
    throw error;
  }
}

async function drawAll(collection: Collection, journal: Journal, options: BuildOptions): Promise<BuildResult> {
  const { crop = false, onProgress, signal } = options;
  const leftOut = new LeftOut();
  let [done, drawn, heldOut] = [0, 0, 0];
  for await (const batch of batches(collection.items(leftOut.add), BATCH)) {
    signal?.throwIfAborted();
    const known = await journal.recall(batch, async (item) => (await drawItem(item, crop)).outcome);
    const outcomes = known ?? (await drawBatch(batch, journal, crop));
    for (const { record, leftOut: reason } of outcomes)
      if (reason !== undefined) leftOut.add(reason, record.source ?? record.name);
    done += batch.length;
    const ofBatch = outcomes.filter((outcome) => outcome.leftOut === undefined);
    drawn += ofBatch.length;
    heldOut += ofBatch.filter(({ record }) => record.split !== 'train').length;
    if (!known) onProgress?.(done);
  }
  await journal.end();
  if (drawn === 0) {
    const reasons = done === 0 && leftOut.list().length === 0 ? ['its files hold no captions'] : leftOut.lines();
    throw new InputError(['there is no picture to learn from', ...reasons].join('\n'));
  }
  if (heldOut === drawn) {
    await journal.discard();
    const what = `all ${drawn} pictures are held out, as their names are, and none is left to learn from`;
    throw new InputError([`${what}: with --learn-all they are learned`, ...leftOut.lines()].join('\n'));
  }
  return { pictures: drawn, heldOut, leftOut };
}

export async function* batches<T>(items: Iterable<T> | AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function drawBatch(batch: readonly Item[], journal: Journal, crop: boolean): Promise<Outcome[]> {
  const drawings = await inLanes(batch, (item) => drawItem(item, crop));
  const outcomes = drawings.map(({ outcome }) => outcome);
  await journal.append(outcomes, Buffer.concat(drawings.flatMap(({ bytes }) => bytes ?? [])));
  return outcomes;
}

/** A few at a time: decoded pictures are large. */
export async function inLanes<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async () => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i]!);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  return results;
}

/** A picture as the data set has it, or why it is left out. */
export async function drawItem(item: Item, crop: boolean): Promise<{ outcome: Outcome; bytes?: Buffer }> {
  const outcome = await undrawn(item);
  let bytes: Buffer;
  try {
    bytes = await rasterise(await item.load(), crop ? 'cut to a square' : 'whole');
  } catch (error) {
    return { outcome: { ...outcome, leftOut: reasonOf(error, item.record) } };
  }
  if (inkOf(bytes) < MIN_INK)
    return { outcome: { ...outcome, leftOut: `less than ${MIN_INK * 100} % of it is visible` } };
  return { outcome, bytes };
}

/** Without the file's name, so that equal reasons are counted together. */
function reasonOf(error: unknown, { source }: PictureRecord): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof InputError) return message.replace(`${source}: `, '');
  if (code === 'ENOENT') return 'the file is missing';
  return code ? `the file cannot be read (${code})` : 'the file cannot be read as a picture';
}

/** Only now do the files get the names by which a data set is known. */
async function finish(dir: string, { concepts }: Collection, journal: Journal, pictures: string): Promise<void> {
  const shown = new Map<string, string>();
  const metadata = join(dir, DATASET_FILES.metadata);
  await writeLines(`${metadata}.partial`, noteConcepts(journal.records(), shown));
  await writeLines(join(dir, DATASET_FILES.concepts), conceptLines(concepts, shown));
  await flush(pictures);
  await rename(pictures, join(dir, DATASET_FILES.pictures));
  await rename(`${metadata}.partial`, metadata);
  await journal.remove();
}

/** Passes records on and keeps, of each concept, the name of its first picture. */
async function* noteConcepts(records: AsyncIterable<PictureRecord>, shown: Map<string, string>) {
  for await (const record of records) {
    if (!shown.has(record.concept)) shown.set(record.concept, record.name);
    yield record;
  }
}

/** The concepts that a picture shows: those with words of their own, in their order, then the others. */
function* conceptLines(concepts: readonly Concept[], shown: ReadonlyMap<string, string>) {
  const withWords = concepts.filter(({ id }) => shown.has(id));
  for (const { id, name, keywords, synonyms, hyponyms, hypernyms } of withWords)
    yield { id, name, keywords, synonyms, hyponyms, hypernyms };
  const known = new Set(withWords.map(({ id }) => id));
  for (const [id, name] of shown)
    if (!known.has(id)) yield { id, name, keywords: [], synonyms: [], hyponyms: [], hypernyms: [] };
}

/** Writes some pictures of a data set as one of their own, into a folder that is made where there is none. */
export async function copyDataset(dataset: Dataset, indices: readonly number[], dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  const records = indices.map((index) => dataset.records[index]!);
  const concepts = new Set(records.map(({ concept }) => dataset.concepts.get(concept)!));
  await writeFile(join(dir, DATASET_FILES.pictures), Buffer.concat(indices.map((index) => dataset.read(index))));
  await writeLines(join(dir, DATASET_FILES.metadata), records);
  await writeLines(join(dir, DATASET_FILES.concepts), concepts);
}

async function writeLines(path: string, rows: Iterable<unknown> | AsyncIterable<unknown>): Promise<void> {
  await writeFile(path, '');
  for await (const batch of batches(rows, 1000))
    await appendFile(path, batch.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r+');
  await file.sync().finally(() => file.close());
}
