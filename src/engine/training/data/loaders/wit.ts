import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../../../../errors.ts';
import type { LeaveOut } from '../collection.ts';
import { cleanCaptions } from './clean-caption.ts';
import { firstThere } from './folder.ts';
import { groupByKey } from './group-by-key.ts';
import type { Loader, ReadOptions, Sample } from './loader.ts';
import { readTable } from './table.ts';

const PICTURES = 'images';
const CAPTIONS = ['caption_reference_description', 'caption_alt_text_description', 'caption_attribution_description'];

/** WIT, Srinivasan et al. 2021: https://github.com/google-research-datasets/wit/blob/main/DATA.md. */
export const wit: Loader = {
  name: 'wit',
  title: 'WIT, Wikipedia-based Image Text',
  layout:
    'wit_v1.train.all-00000-of-00010.tsv.gz (or more of them) and images/ with pictures named as their address ends',
  captionsAre: 'sentences',
  licence:
    'WIT, Google Research, https://github.com/google-research-datasets/wit: texts CC BY-SA 3.0. Each picture has a licence ' +
    "of its own on Wikimedia Commons or Wikipedia (`source` in metadata.jsonl is its address): most ask for the author's name, " +
    'many for the same licence, and some are fair use only, which nobody may pass on.',
  recognises: (dir) => tables(dir).length > 0,
  read,
};

const tables = (dir: string) =>
  readdirSync(dir)
    .filter((name) => /^wit_v1\..*\.tsv(\.gz)?$/.test(name))
    .sort();

async function* read(dir: string, options: ReadOptions): AsyncGenerator<Sample> {
  if (!existsSync(join(dir, PICTURES))) {
    throw new InputError(
      `${dir} has captions without pictures; WIT has only their addresses, expected a folder ${PICTURES}/ in which ` +
        'https://upload.wikimedia.org/wikipedia/commons/f/fc/Half_Dome.jpg is Half_Dome.jpg',
    );
  }
  for await (const [address, rows] of groupByKey(readRows(dir, options), options.scratch)) {
    const captions = cleanCaptions(rows.flatMap((row) => row.captions))!;
    yield { file: rows[0]!.file, captions, concept: address, group: address, source: address };
  }
}

interface Row {
  readonly file: string;
  readonly captions: readonly string[];
}

async function* readRows(
  dir: string,
  { leaveOut, language }: ReadOptions,
): AsyncGenerator<[address: string, row: Row]> {
  for (const table of tables(dir)) {
    const rows = readTable(join(dir, table), '\t', ['language', 'image_url', ...CAPTIONS], leaveOut);
    for await (const { values, where } of rows) {
      if (values.language !== language) leaveOut(`in another language than ${language}`, where);
      else yield* readRow(dir, values, where, leaveOut);
    }
  }
}

function* readRow(
  dir: string,
  values: Readonly<Record<string, string>>,
  where: string,
  leaveOut: LeaveOut,
): Generator<[address: string, row: Row]> {
  const address = values.image_url!;
  const captions = cleanCaptions(captionsOf(values));
  const names = fileNames(address);
  const file = names && firstThere(join(dir, PICTURES), names);
  if (!names) leaveOut('a row whose image_url is not the address of a file', where);
  else if (!captions) leaveOut('a row without a caption', where);
  else if (!file) leaveOut(`no file in ${PICTURES}/ is named as the address ends`, `${where}, ${names[0]}`);
  else yield [address, { file: join(PICTURES, file), captions }];
}

/** What the author wrote beside the file is in any language, unless the data set found it to be in the row's. */
function captionsOf(values: Readonly<Record<string, string>>): string[] {
  const known = CAPTIONS.filter(
    (column) =>
      column !== 'caption_attribution_description' || values.attribution_passes_lang_id?.toLowerCase() === 'true',
  );
  return known.map((column) => values[column]!.replace(/^English: /, ''));
}

/**
 * What a picture's file may be called: the end of its address, as it is or decoded, or its whole path, as `wget -x -nH`
 * saves it. undefined for what is not the address of a file.
 */
function fileNames(address: string): string[] | undefined {
  try {
    const path = new URL(address).pathname.slice(1);
    const end = path.split('/').at(-1)!;
    const decoded = decodeURIComponent(end);
    return end === '' || /[\\/]/.test(decoded) ? undefined : [end, decoded, path, decodeURIComponent(path)];
  } catch {
    return undefined;
  }
}
