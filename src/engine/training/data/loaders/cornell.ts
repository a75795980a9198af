import { createReadStream, existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { InputError } from '../../../../errors.ts';
import type { LeaveOut } from '../collection.ts';
import { cleanCaption } from './clean-caption.ts';
import { firstThere, walk } from './folder.ts';
import type { Loader, ReadOptions, Sample } from './loader.ts';
import { readLines } from './text-file.ts';

const LINES = 'movie_lines.txt';
const STILLS = 'stills';
const SEPARATOR = ' +++$+++ ';
/** lineID, characterID, movieID, character name, text. */
const FIELDS = 5;

/**
 * Cornell Movie-Dialogs, Danescu-Niculescu-Mizil and Lee 2011; its README.txt describes the files. It has no pictures: a
 * still that somebody adds belongs to the line with whose id its name begins.
 */
export const cornell: Loader = {
  name: 'cornell',
  title: 'Cornell Movie-Dialogs Corpus',
  layout: `${LINES} as published, and ${STILLS}/ with pictures such as L1045.jpg for the line L1045`,
  captionsAre: 'sentences',
  licence:
    'Cornell Movie-Dialogs Corpus, C. Danescu-Niculescu-Mizil and L. Lee, ' +
    'https://www.cs.cornell.edu/~cristian/Cornell_Movie-Dialogs_Corpus.html: no licence is given; the scripts, and the stills, ' +
    'belong to the studios. Neither they nor a data set made of them may be passed on.',
  recognises: (dir) => linesFile(dir) !== undefined,
  read,
};

/** The archive holds a folder; either it or what it lies in will do. */
const linesFile = (dir: string) => firstThere(dir, [LINES, join('cornell movie-dialogs corpus', LINES)]);

async function* read(dir: string, { leaveOut }: ReadOptions): AsyncGenerator<Sample> {
  if (!existsSync(join(dir, STILLS)))
    throw new InputError(`${dir} has captions without pictures; expected ${cornell.layout}`);
  const path = join(dir, linesFile(dir)!);
  const stills = await findStills(dir, leaveOut);
  let number = 0;
  for await (const raw of readLines(readLatin1(path))) {
    const where = `${LINES} line ${++number}`;
    if (raw === '') continue;
    refuseOtherEncodings(raw, path, number);
    const fields = withQuotes(raw).split(SEPARATOR);
    const [id, , movie, , text] = fields;
    if (fields.length !== FIELDS) leaveOut(`a line without ${FIELDS} fields between "${SEPARATOR}"`, where);
    else {
      const caption = cleanCaption(text!);
      const files = stills.get(id!) ?? [];
      stills.delete(id!);
      if (caption === '') leaveOut('a line without words', where);
      else for (const file of files) yield { file, captions: [caption], concept: id!, group: movie!, source: file };
    }
  }
  for (const file of [...stills.values()].flat()) leaveOut(`a still of a line that is not in ${LINES}`, file);
}

/** By the id of their line. */
async function findStills(dir: string, leaveOut: LeaveOut): Promise<Map<string, string[]>> {
  const stills = new Map<string, string[]>();
  for await (const path of walk(dir, STILLS)) {
    const id = /^(L\d+)(?!\d)[^/\\]*\.[a-z]+$/i.exec(basename(path))?.[1];
    if (id) stills.set(id, [...(stills.get(id) ?? []), path]);
    else leaveOut('a still whose name does not begin with the id of a line, such as L1045', path);
  }
  return stills;
}

async function* readLatin1(path: string): AsyncGenerator<string> {
  for await (const chunk of createReadStream(path)) yield (chunk as Buffer).toString('latin1');
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true });

/** Latin letters in a row are hardly ever UTF-8 by chance. */
function refuseOtherEncodings(line: string, path: string, number: number): void {
  const encoding = line.includes('\0') ? 'UTF-16' : isUtf8(line) ? 'UTF-8' : undefined;
  if (encoding)
    throw new InputError(
      `${path}, line ${number} is ${encoding}, expected ISO-8859-1: take the file as it was published`,
    );
}

function isUtf8(line: string): boolean {
  if (!/[\x80-\xff]/.test(line)) return false;
  try {
    UTF_8.decode(Buffer.from(line, 'latin1'));
    return true;
  } catch {
    return false;
  }
}

/** The scripts also hold Windows' ellipses, quotation marks and dashes, where ISO-8859-1 has control characters. */
const WINDOWS = '…‘’“”•–—';
const IN_ISO_8859_1 = '\x85\x91\x92\x93\x94\x95\x96\x97';
const withQuotes = (line: string) => line.replace(/[\x85\x91-\x97]/g, (mark) => WINDOWS[IN_ISO_8859_1.indexOf(mark)]!);
