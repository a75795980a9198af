import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { InputError } from '../../../errors.ts';
import { parseConfig, parseJsonObject } from '../../weights/config.ts';
import { writeJson } from '../../weights/write-model.ts';
import { DATASET_FILES, PictureRecord } from './dataset.ts';
import { GLYPH_SOURCES } from './sources.ts';

/** What a data set is made from: packages, or a folder of pictures, relative to its own, as both may move together. */
const MadeFrom = z.strictObject({ kind: z.enum(['emoji', 'glyphs', 'folder']), folder: z.string().optional() });
export type MadeFrom = z.infer<typeof MadeFrom>;

/** In a data set's folder. */
const FILE = 'made-from.json';

export const writeMadeFrom = (dir: string, from: MadeFrom): Promise<void> => writeJson(join(dir, FILE), from);

/** @throws InputError for a folder where a data set would take the place of one that is made from something else, or of what is none */
export async function refuseOtherSet(dir: string, from: MadeFrom): Promise<void> {
  if (!existsSync(join(dir, DATASET_FILES.metadata))) return;
  if (![DATASET_FILES.pictures, FILE].some((name) => existsSync(join(dir, name))))
    throw new InputError(
      `--out ${dir} holds a ${DATASET_FILES.metadata} that is no data set's, and would lose it: name another folder`,
    );
  const there = await readMadeFrom(dir);
  if (!there || isSame(there, from)) return;
  throw new InputError(
    `--out ${dir} holds a data set made from ${describe(dir, there)}, and would lose it: name another folder, such as ` +
      `--out ${folderFor(dir, from)}, or delete that one first`,
  );
}

/** Undefined where a damaged set doesn't say. */
async function readMadeFrom(dir: string): Promise<MadeFrom | undefined> {
  const path = join(dir, FILE);
  if (existsSync(path)) return parseConfig(MadeFrom, parseJsonObject(await readFile(path, 'utf8'), path), path);
  // of a set from before there was this file the styles tell; pictures of a folder have none
  const metadata = await readFile(join(dir, DATASET_FILES.metadata), 'utf8');
  try {
    const { style } = PictureRecord.parse(JSON.parse(metadata.split('\n', 1)[0]!));
    const isGlyph = GLYPH_SOURCES.some((source) => source.style === style);
    return { kind: style === '' ? 'folder' : isGlyph ? 'glyphs' : 'emoji' };
  } catch {
    return undefined;
  }
}

/** As far as is known. */
const isSame = (a: MadeFrom, b: MadeFrom): boolean =>
  a.kind === b.kind && (a.folder ?? b.folder) === (b.folder ?? a.folder);

function describe(dir: string, { kind, folder }: MadeFrom): string {
  if (kind === 'folder') return folder === undefined ? 'a folder of pictures' : join(dir, folder);
  return kind === 'emoji' ? "the bundled model's emoji and icons" : 'the icons of --glyphs';
}

/** Another one, called after what the set is made from. */
function folderFor(dir: string, { kind, folder = '' }: MadeFrom): string {
  const from = resolve(dir, folder);
  const named = join('data', kind === 'folder' ? basename(from) : kind);
  return [resolve(dir), from].includes(resolve(named)) ? `${named}-2` : named;
}
