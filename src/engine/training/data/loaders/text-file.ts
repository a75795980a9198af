import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { InputError } from '../../../../errors.ts';

/**
 * The text of a UTF-8 file, piece by piece; unzipped when its name ends with .gz.
 * @throws InputError where it is in another encoding, or a zipped file ends early
 */
export async function* readText(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let before: Buffer = Buffer.alloc(0);
  let chunk = before;
  let end = 0;
  try {
    for await (const next of openFile(path)) {
      if (end === 0 && isUtf16(next)) throw new InputError(`${path} is UTF-16, not UTF-8: ${convert(path, 'UTF-16')}`);
      [before, chunk] = [chunk, next];
      end += chunk.length;
      yield decoder.decode(chunk, { stream: true });
    }
    yield decoder.decode();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
      throw new InputError(await describeEncoding(path, before.subarray(-3), chunk, end));
    if (code?.startsWith('Z_'))
      throw new InputError(`${path} is no gzip file, or was cut short (${(error as Error).message}): get it again`);
    throw error;
  }
}

/** Has its mark, or bytes 0, which are in no text in UTF-8. */
const isUtf16 = (start: Buffer) =>
  ['fffe', 'feff'].includes(start.toString('hex', 0, 2)) || start.subarray(0, 1000).includes(0);

const convert = (path: string, encoding: string) =>
  `iconv -f ${encoding} -t UTF-8 converts ${basename(path, '.gz')}, as does an editor that can save it as UTF-8`;

/**
 * @param tail  bytes before the chunk, in which the last character may have begun
 * @param chunk the one that is not UTF-8
 * @param end   where in the file it ends
 */
async function describeEncoding(path: string, tail: Buffer, chunk: Buffer, end: number): Promise<string> {
  const bytes = Buffer.concat([tail, chunk]);
  const firstWhole = tail.findIndex((byte) => byte >> 6 !== 0b10);
  const at = firstInvalid(bytes, firstWhole < 0 ? tail.length : firstWhole);
  const text = bytes.subarray(bytes.lastIndexOf('\n', at) + 1);
  const shown = new TextDecoder('windows-1252').decode(text).split(/\r?\n/)[0]!.slice(0, 80);
  return (
    `${path} is not UTF-8, line ${await lineAt(path, end - bytes.length + at)}. If "${shown}" reads right, it is Windows-1252 ` +
    `(Latin-1): ${convert(path, 'WINDOWS-1252')}. If not, it is damaged or in another encoding`
  );
}

/** Where the first bytes are that are no character. */
function firstInvalid(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length) {
    const length = [1, 2, 3, 4].find((n) => isUtf8(bytes.subarray(at, at + n)));
    if (length === undefined) break;
    at += length;
  }
  return at;
}

/** In which line of a file a byte is. */
async function lineAt(path: string, position: number): Promise<number> {
  let [line, from] = [1, 0];
  for await (const chunk of openFile(path)) {
    const before = chunk.subarray(0, Math.max(0, position - from));
    for (let end = before.indexOf('\n'); end >= 0; end = before.indexOf('\n', end + 1)) line++;
    from += chunk.length;
    if (from >= position) break;
  }
  return line;
}

function openFile(path: string): AsyncIterable<Buffer> {
  const file = createReadStream(path);
  return path.endsWith('.gz') ? pipeline(file, createGunzip(), () => {}) : file;
}

/** The lines of a text, without their ends. */
export async function* readLines(text: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const piece of text) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!;
    for (const line of lines) yield line.replace(/\r$/, '');
  }
  if (rest !== '') yield rest.replace(/\r$/, '');
}
