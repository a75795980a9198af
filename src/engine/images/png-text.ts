import { crc32 } from 'node:zlib';

/** PNG, RFC 2083: a signature, then chunks of length, type, data and CRC-32 of type and data. */
const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
const HEADER_LENGTH = 13;

/** A text chunk whose CRC doesn't fit or which isn't laid out as one. */
export class DamagedText extends Error {}

/** Adds an international text chunk (iTXt, UTF-8) in front of the pixels. */
export function addText(png: Buffer, keyword: string, text: string): Buffer {
  // uncompressed, of no language, keyword not translated
  const data = Buffer.concat([Buffer.from(`${keyword}\0\0\0\0\0`, 'latin1'), Buffer.from(text, 'utf8')]);
  const afterHeader = SIGNATURE.length + 12 + HEADER_LENGTH;
  return Buffer.concat([png.subarray(0, afterHeader), chunk('iTXt', data), png.subarray(afterHeader)]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, crc] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  crc.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, crc]);
}

/**
 * The text that `addText` put under a keyword; undefined where there is none, or no PNG.
 * @throws DamagedText
 */
export function readText(png: Uint8Array, keyword: string): string | undefined {
  const bytes = Buffer.from(png.buffer, png.byteOffset, png.byteLength);
  if (!bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return undefined;
  for (let at = SIGNATURE.length; at + 12 <= bytes.length; ) {
    const end = at + 8 + bytes.readUInt32BE(at);
    const data = bytes.subarray(at + 8, end);
    const isText = bytes.toString('latin1', at + 4, at + 8) === 'iTXt';
    if (isText && data.toString('latin1', 0, keyword.length + 1) === `${keyword}\0`) {
      const crc = end + 4 <= bytes.length ? bytes.readUInt32BE(end) : undefined;
      if (crc !== crc32(bytes.subarray(at + 4, end))) throw new DamagedText(keyword);
      return internationalText(data.subarray(keyword.length + 1));
    }
    at = end + 4;
  }
  return undefined;
}

/** Compression flag and method, language and translated keyword, each of the latter two ended by a zero; then the text. */
function internationalText(data: Buffer): string {
  const language = data.indexOf(0, 2);
  const translated = data.indexOf(0, language + 1);
  if (data[0] !== 0 || language < 0 || translated < 0) throw new DamagedText('iTXt');
  return data.toString('utf8', translated + 1);
}
