import { createHash } from 'node:crypto';
import { closeSync, createReadStream, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { InputError } from '../../../errors.ts';
import { PICTURE_BYTES } from './rasterise.ts';

/** Files of a data set's folder. `pictures.rgba` is all pictures one after another, 128 × 128 × RGBA bytes each. */
export const DATASET_FILES = {
  pictures: 'pictures.rgba',
  metadata: 'metadata.jsonl',
  concepts: 'concepts.jsonl',
  /** What was left out of it and why; for people. */
  leftOut: 'left-out.json',
} as const;

const BUILD_AGAIN = 'build the data set again (npm run data, with the options that it was built with)';

/** Of the pictures, at once. */
const READ_BYTES = 1 << 20;

/** A line of metadata.jsonl; the n-th describes the n-th picture. */
export const PictureRecord = z.object({
  concept: z.string(),
  /** Its name, which differs from the concept's where there is a skin tone. */
  name: z.string(),
  style: z.string(),
  split: z.enum(['train', 'held-out-concept', 'held-out-pair']),
  /** Sentences about this very picture; without them, captions are made of its name and its concept's words. */
  captions: z.array(z.string()).nonempty().optional(),
  /** Its file, or its address where its data set gives one. */
  source: z.string().optional(),
});
export type PictureRecord = z.infer<typeof PictureRecord>;

/** A line of concepts.jsonl. */
const ConceptRecord = z.object({
  id: z.string(),
  name: z.string(),
  keywords: z.array(z.string()),
  synonyms: z.array(z.string()),
  hyponyms: z.array(z.string()),
  hypernyms: z.array(z.string()),
});

/** Pictures with captions, as `npm run data` writes them. Pictures are read when they are asked for. */
export class Dataset {
  readonly records: readonly PictureRecord[];
  readonly concepts: ReadonlyMap<string, z.infer<typeof ConceptRecord>>;
  readonly #file: number;
  #digest: Promise<string> | undefined;

  /** @throws InputError when the folder is no data set, or an unfinished one. */
  constructor(dir: string) {
    this.records = readRecords(dir);
    if (this.records.length === 0) throw new InputError(`${dir} is a data set without pictures: ${BUILD_AGAIN}`);
    const concepts = readLines(join(dir, DATASET_FILES.concepts), ConceptRecord);
    this.concepts = new Map(concepts.map((concept) => [concept.id, concept]));
    const unknown = this.records.find(({ concept }) => !this.concepts.has(concept));
    if (unknown)
      throw new InputError(
        `${dir}: ${DATASET_FILES.concepts} has no line for ${unknown.concept} (${unknown.name}): ${BUILD_AGAIN}`,
      );
    const pictures = join(dir, DATASET_FILES.pictures);
    this.#file = reading(pictures, () => openSync(pictures, 'r'));
    const { size } = statSync(pictures);
    if (size !== this.records.length * PICTURE_BYTES) {
      const found = `${Math.floor(size / PICTURE_BYTES)} pictures${size % PICTURE_BYTES ? ' and a part of one' : ''}`;
      throw new InputError(
        `${pictures} holds ${found}, but ${DATASET_FILES.metadata} describes ${this.records.length}: ${BUILD_AGAIN}`,
      );
    }
  }

  /** Picture `index` as 128 × 128 RGBA bytes, colour as composed on white. */
  read(index: number): Uint8Array {
    const picture = new Uint8Array(PICTURE_BYTES);
    if (readSync(this.#file, picture, 0, PICTURE_BYTES, index * PICTURE_BYTES) !== PICTURE_BYTES)
      throw new RangeError(`no picture ${index}`);
    return picture;
  }

  /** SHA-256, in hex, of all pixels and records: a second for a gigabyte. */
  digest(): Promise<string> {
    this.#digest ??= this.#computeDigest();
    return this.#digest;
  }

  async #computeDigest(): Promise<string> {
    const hash = createHash('sha256').update(JSON.stringify(this.records));
    await pipeline(
      createReadStream('', { fd: this.#file, start: 0, autoClose: false, highWaterMark: READ_BYTES }),
      async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) hash.update(chunk);
      },
    );
    return hash.digest('hex');
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** @returns the set @throws InputError where nothing of it is left to learn from, all of it being held out */
export function withTraining<S extends Pick<Dataset, 'records'>>(set: S, dir: string): S {
  if (set.records.some(({ split }) => split === 'train')) return set;
  throw new InputError(
    `${dir}: all ${set.records.length} pictures are held out, and none is left to learn from: ${BUILD_AGAIN}, and with --learn-all`,
  );
}

function readRecords(dir: string): PictureRecord[] {
  const path = join(dir, DATASET_FILES.metadata);
  try {
    return readLines(path, PictureRecord);
  } catch (error) {
    if (!isImageFolder(path)) throw error;
    throw new InputError(
      `${dir} holds pictures with captions and is no data set yet. Make one of them, and name that one with --data:\n` +
        `npm run data -- --from ${dir} --out ${join('data', basename(resolve(dir)))}`,
    );
  }
}

/** What a data set is made from is easily taken for one: Hugging Face's imagefolder has a metadata.jsonl too. */
function isImageFolder(metadata: string): boolean {
  try {
    return 'file_name' in JSON.parse(readFileSync(metadata, 'utf8').split('\n', 1)[0]!);
  } catch {
    return false;
  }
}

function reading<R>(path: string, work: () => R): R {
  try {
    return work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const what = code === 'ENOENT' || code === 'ENOTDIR' ? 'is missing' : `can't be read (${code})`;
    throw new InputError(
      `${path} ${what}: a data set is a folder that npm run data has written (npm run data -- --help)`,
    );
  }
}

function readLines<T>(path: string, schema: z.ZodType<T>): T[] {
  const text = reading(path, () => readFileSync(path, 'utf8'));
  return text.split('\n').flatMap((line, i) => {
    if (line === '') return [];
    try {
      return [schema.parse(JSON.parse(line))];
    } catch (error) {
      const wrong =
        error instanceof z.ZodError ? error.issues.map((issue) => issue.path.join('.') || 'no object') : ['no JSON'];
      throw new InputError(`${path}, line ${i + 1} is damaged (${wrong.join(', ')}): ${BUILD_AGAIN}`);
    }
  });
}
