import { existsSync } from 'node:fs';
import { readFile, realpath, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { InputError } from '../../../errors.ts';
import { replaceFile } from '../replace-file.ts';
import { DATASET_FILES, PictureRecord } from './dataset.ts';
import { GLYPH_SOURCES } from './sources.ts';

/** What a data set is made from: packages, or a folder of pictures, relative to its own, as both may move together. */
const MadeFrom = z.strictObject({ kind: z.enum(['emoji', 'glyphs', 'folder']), folder: z.string().optional() });
export type MadeFrom = z.infer<typeof MadeFrom>;

/** In a data set's folder. */
const FILE = 'made-from.json';

/** @param dir  of the data set @param pictures  folder of the pictures; both are there, and symbolic links are followed */
export const madeFromFolder = async (dir: string, pictures: string): Promise<MadeFrom> => ({
  kind: 'folder',
  folder: relative(await realpath(dir), await realpath(pictures)),
});

export const writeMadeFrom = (dir: string, from: MadeFrom): Promise<void> =>
  replaceFile(join(dir, FILE), (partial) => writeFile(partial, `${JSON.stringify(from)}\n`));

/** @throws InputError for a folder where a data set would take the place of one that is made from something else, or of what is none */
export async function refuseOtherSet(dir: string, from: MadeFrom): Promise<void> {
  const metadata = join(dir, DATASET_FILES.metadata);
  if (!existsSync(metadata)) return;
  const [line = ''] = (await readFile(metadata, 'utf8')).split('\n', 1);
  const record = parse(PictureRecord, line);
  if (!record && !existsSync(join(dir, DATASET_FILES.pictures)))
    throw new InputError(
      `--out ${dir} holds a ${DATASET_FILES.metadata} that is no data set's, and would lose it: name another folder`,
    );
  const there = (await readMadeFrom(dir)) ?? (record && kindByStyle(record));
  if (!there || isSame(there, from)) return;
  throw new InputError(
    `--out ${dir} holds a data set made from ${await describe(dir, there)}, and would lose it: name another folder, or ` +
      'delete that one first',
  );
}

/** Undefined where a data set doesn't say. */
async function readMadeFrom(dir: string): Promise<MadeFrom | undefined> {
  const path = join(dir, FILE);
  return existsSync(path) ? parse(MadeFrom, await readFile(path, 'utf8')) : undefined;
}

/** Pictures of a folder have no styles. */
function kindByStyle({ style }: PictureRecord): MadeFrom {
  const isGlyph = GLYPH_SOURCES.some((source) => source.style === style);
  return { kind: style === '' ? 'folder' : isGlyph ? 'glyphs' : 'emoji' };
}

function parse<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** As far as is known. */
const isSame = (a: MadeFrom, b: MadeFrom): boolean =>
  a.kind === b.kind && (a.folder ?? b.folder) === (b.folder ?? a.folder);

async function describe(dir: string, { kind, folder }: MadeFrom): Promise<string> {
  if (kind === 'folder') return folder === undefined ? 'a folder of pictures' : resolve(await realpath(dir), folder);
  return kind === 'emoji' ? "the bundled model's emoji and icons" : 'the icons of --glyphs';
}
