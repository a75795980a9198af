import { existsSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import sharp from 'sharp';
import { InputError } from '../../../../errors.ts';
import { decodePicture } from '../../../images/decode-picture.ts';
import type { Collection, Item, LeaveOut } from '../collection.ts';
import { splitStyles } from '../split.ts';
import { coco } from './coco.ts';
import { cornell } from './cornell.ts';
import { staysBelow } from './folder.ts';
import { imageFolder } from './image-folder.ts';
import type { Loader, Sample } from './loader.ts';
import { recipe1m } from './recipe1m.ts';
import { scixgen } from './scixgen.ts';
import { wit } from './wit.ts';

/** The layouts that a folder of pictures with captions may have. */
export const LOADERS: readonly Loader[] = [imageFolder, coco, wit, cornell, scixgen, recipe1m];

/**
 * The loader of that name, or the one whose files the folder holds.
 * @throws InputError when there is none, or more than one
 */
export function findLoader(dir: string, name?: string): Loader {
  if (!existsSync(dir) || !statSync(dir).isDirectory()) throw new InputError(`${dir} is no folder`);
  const wanted = LOADERS.find((loader) => loader.name === name);
  const found = LOADERS.filter((loader) => (wanted ?? loader) === loader && loader.recognises(dir));
  if (found.length === 1) return found[0]!;
  if (found.length > 1)
    throw new InputError(`${dir} may be ${found.map((it) => it.name).join(' or ')}: say which with --format`);
  if (wanted) throw new InputError(`${dir} is not laid out as ${wanted.title}: expected ${wanted.layout}`);
  const layouts = LOADERS.map((loader) => `  ${loader.name}: ${loader.layout}`);
  throw new InputError([`${dir} has no captions that we know; expected one of`, ...layouts].join('\n'));
}

export interface FolderOptions {
  /** A folder for temporary files. */
  readonly scratch: string;
  readonly language?: string;
  /** At most this many pictures. */
  readonly limit?: number;
  /** Holds none out to measure by. */
  readonly learnAll?: boolean;
}

/** The pictures of a folder in one of these layouts. */
export function collectFolder(loader: Loader, dir: string, options: FolderOptions): Collection {
  return { concepts: [], items: (leaveOut) => readItems(loader, dir, options, leaveOut) };
}

async function* readItems(
  loader: Loader,
  dir: string,
  { scratch, language = 'en', limit = Number.POSITIVE_INFINITY, learnAll = false }: FolderOptions,
  leaveOut: LeaveOut,
): AsyncGenerator<Item> {
  let left = limit;
  for await (const sample of loader.read(dir, { leaveOut, scratch, language })) {
    if (!staysBelow(sample.file)) {
      leaveOut('a file name that leads out of the folder', sample.file);
      continue;
    }
    yield {
      record: recordOf(sample, loader, learnAll),
      load: () => loadPicture(dir, sample),
      stamp: () => stampOf(join(dir, sample.file)),
    };
    if (--left <= 0) return;
  }
}

function recordOf(
  { captions, concept, group, source }: Sample,
  { captionsAre }: Loader,
  learnAll: boolean,
): Item['record'] {
  const [name] = captions;
  const split = learnAll ? 'train' : splitStyles(group, ['']).get('')!;
  return { concept, name, style: '', split, ...(captionsAre === 'sentences' && { captions: [...captions] }), source };
}

/** Of a file that can't be looked at there is none: why, loading says. */
const stampOf = (path: string): Promise<string | undefined> =>
  stat(path).then(
    ({ size, mtimeMs }) => `${size} ${mtimeMs}`,
    () => undefined,
  );

/** SVG is left to sharp. */
async function loadPicture(dir: string, { file, source }: Sample) {
  const bytes = await readFile(join(dir, file));
  if (extname(file).toLowerCase() !== '.svg') return decodePicture(bytes, source, ', or SVG in a file called .svg');
  try {
    await sharp(bytes).metadata();
  } catch (error) {
    const isLarge = /pixel limit/.test((error as Error).message);
    const expected = isLarge ? 'of a smaller size' : 'that is whole and has a size, as the file is called .svg';
    throw new InputError(`${source}: expected an SVG drawing ${expected}`);
  }
  return bytes;
}
