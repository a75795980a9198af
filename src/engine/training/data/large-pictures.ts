import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { appendFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflate, inflateSync } from 'node:zlib';
import sharp from 'sharp';
import { InputError } from '../../../errors.ts';
import { UPSCALE } from '../../pipeline/upscale.ts';
import { explainFullDisk } from '../full-disk.ts';
import { withLock } from '../lock.ts';
import { batches, drawItem, inLanes } from './build.ts';
import type { Collection, Item } from './collection.ts';
import type { Dataset } from './dataset.ts';
import { rasterise } from './rasterise.ts';

/** Pixels on the longer side: what is smaller has nothing to teach about fine detail. */
const LEAST_SIDE = 256;
const BATCH = 64;

/**
 * `large-pictures.bin`: RGBA bytes, each picture deflated. Beside it the data set's digest, and a line with its length for each of
 * the data set, 0 for none.
 */
const FILES = { pictures: 'large-pictures.bin', lengths: 'large-pictures.txt' } as const;

/** Pictures of a data set again, 512 × 512: what an upsampler learns from. */
export class LargePictures {
  readonly #file: number;
  readonly #entries: readonly { readonly offset: number; readonly length: number }[];

  /** @throws InputError when the data set has none, or other ones than pictures of its own */
  static async open(dir: string, dataset: Dataset): Promise<LargePictures> {
    return new LargePictures(dir, dataset, await dataset.digest());
  }

  private constructor(dir: string, dataset: Dataset, digest: string) {
    const [pictures, lengths] = [join(dir, FILES.pictures), join(dir, FILES.lengths)];
    if (!existsSync(lengths))
      throw new InputError(`${lengths} is missing: npm run data -- --large writes the pictures at 512 × 512`);
    let end = 0;
    const found = readLengths(lengths);
    this.#entries = found.lengths.map((length) => {
      end += length;
      return { offset: end - length, length };
    });
    const isWhole = this.#entries.length === dataset.records.length && statSync(pictures).size === end;
    if (found.digest !== digest || !isWhole) {
      const why = found.digest === digest ? 'is cut short' : 'is not of the pictures that the data set has now';
      throw new InputError(`${pictures} ${why}: build it again (npm run data -- --large, with the data set's options)`);
    }
    this.#file = openSync(pictures, 'r');
  }

  /** Is this picture there? Those that were small to begin with are not. */
  has(index: number): boolean {
    return this.#entries[index]!.length > 0;
  }

  /** Picture `index` as 512 × 512 RGBA bytes, colour as composed on white. */
  read(index: number): Uint8Array {
    const { offset, length } = this.#entries[index]!;
    const packed = new Uint8Array(length);
    readSync(this.#file, packed, 0, length, offset);
    return inflateSync(packed);
  }

  close(): void {
    closeSync(this.#file);
  }
}

export interface LargeOptions {
  /** As the data set was built. */
  readonly crop?: boolean;
  /** Called after each batch with the number of pictures done. */
  readonly onProgress?: (done: number) => void;
}

/**
 * Draws the pictures of a data set again, larger. Stopped at any moment and called again, it goes on after the last batch.
 * @param collection  what the data set was built from
 * @returns how many pictures were large enough
 * @throws InputError when the collection is not what the data set was built from, where no picture is large, or when the disk is
 * full; nothing is left then of a call that has drawn none
 */
export function buildLarge(
  dir: string,
  dataset: Dataset,
  collection: Collection,
  options: LargeOptions = {},
): Promise<number> {
  const work = () => build(dir, dataset, collection, options);
  return explainFullDisk(dir, () => withLock(dir, 'builds a data set there', work));
}

async function build(dir: string, dataset: Dataset, collection: Collection, options: LargeOptions): Promise<number> {
  const partial: Unfinished = {
    pictures: join(dir, `${FILES.pictures}.partial`),
    lengths: join(dir, `${FILES.lengths}.partial`),
  };
  try {
    const large = await drawAll(dir, partial, dataset, collection, options);
    await rename(partial.pictures, join(dir, FILES.pictures));
    await rename(partial.lengths, join(dir, FILES.lengths));
    return large;
  } catch (error) {
    const drawn = statSync(partial.pictures, { throwIfNoEntry: false })?.size ?? 0;
    if (drawn === 0) for (const file of Object.values(partial)) await rm(file, { force: true });
    throw error;
  }
}

/** Paths of the files before all of it is there. */
type Unfinished = Readonly<Record<keyof typeof FILES, string>>;

/** @returns how many are large */
async function drawAll(
  dir: string,
  { pictures, lengths }: Unfinished,
  dataset: Dataset,
  collection: Collection,
  { crop = false, onProgress }: LargeOptions,
): Promise<number> {
  const known = await resume(pictures, lengths, await dataset.digest());
  let done = 0;
  let large = known.filter((length) => length > 0).length;
  const isNext = ({ record }: Item) => JSON.stringify(record) === JSON.stringify(dataset.records[done]);

  for await (const batch of batches(
    collection.items(() => {}),
    BATCH,
  )) {
    while (done < known.length && batch.length > 0) if (isNext(batch.shift()!)) done++;
    const drawings = await inLanes(batch, async (item) => ({ item, ...(await drawBoth(item, crop)) }));
    const drawn: Buffer[] = [];
    // what the data set has left out is in the collection all the same
    for (const { item, small, packed } of drawings) {
      if (!small || !isNext(item) || !small.equals(dataset.read(done))) continue;
      drawn.push(packed);
      done++;
    }
    await appendFile(pictures, Buffer.concat(drawn));
    await appendFile(lengths, drawn.map(({ length }) => `${length}\n`).join(''));
    large += drawn.filter(({ length }) => length > 0).length;
    onProgress?.(done);
  }
  if (done < dataset.records.length) {
    throw new InputError(
      `${dir}: picture ${done + 1} of the data set, ${dataset.records[done]!.name}, is not among those to be drawn larger: ` +
        'give the options that it was built with, or build it anew',
    );
  }
  if (large === 0)
    throw new InputError(`no picture has ${LEAST_SIDE} pixels on its longer side: there is nothing to draw larger`);
  return large;
}

/** Lengths of the pictures of this data set that lie there whole; what follows them is cut off. */
async function resume(pictures: string, lengths: string, digest: string): Promise<number[]> {
  const found = existsSync(lengths) && existsSync(pictures) ? readLengths(lengths) : undefined;
  const size = found?.digest === digest ? statSync(pictures).size : 0;
  let end = 0;
  const whole = (found?.lengths ?? []).filter((length) => {
    end += length;
    return end <= size;
  });
  await writeFile(lengths, [digest, ...whole].map((line) => `${line}\n`).join(''));
  if (existsSync(pictures))
    await truncate(
      pictures,
      whole.reduce((a, b) => a + b, 0),
    );
  return whole;
}

/** Lines that end; one that a sudden stop cut short doesn't. */
function readLengths(path: string): { readonly digest: string | undefined; readonly lengths: readonly number[] } {
  const [digest, ...lengths] = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return { digest, lengths: lengths.map(Number) };
}

const pack = promisify(deflate);

/** As the data set has it, and larger: nothing for a picture that is small. */
async function drawBoth(item: Item, crop: boolean): Promise<{ small?: Buffer | undefined; packed: Buffer }> {
  const { bytes: small } = await drawItem(item, crop);
  if (!small) return { packed: Buffer.alloc(0) };
  const picture = await item.load();
  const { format, width, height } =
    'width' in picture ? { format: undefined, ...picture } : await sharp(picture).metadata();
  if (format !== 'svg' && Math.max(width, height) < LEAST_SIDE) return { small, packed: Buffer.alloc(0) };
  const large = await rasterise(picture, crop ? 'cut to a square' : 'whole', UPSCALE);
  return { small, packed: (await pack(large)) as Buffer };
}
