import sharp from 'sharp';
import { InputError } from '../../errors.ts';
import type { Picture } from './picture.ts';

const MAX_BYTES = 32 * 2 ** 20;
const MAX_PIXELS = 50_000_000;
const FORMATS = 'a PNG, JPEG, WebP or GIF picture';

/**
 * Decodes a picture that anyone may have sent: PNG, JPEG, WebP or GIF; of an animation the first frame; turned as its
 * EXIF orientation says.
 * @param name    the file's name, for messages
 * @param others  what else the caller takes, behind these formats in messages
 * @throws InputError that says what is wrong with the file and what would be right
 */
export async function decodePicture(bytes: Uint8Array, name: string, others = ''): Promise<Picture> {
  const expected = FORMATS + others;
  if (bytes.length === 0) throw new InputError(`${name}: the file is empty, expected ${expected}`);
  if (bytes.length > MAX_BYTES) {
    const [found, most] = [bytes.length, MAX_BYTES].map((size) => `${Math.ceil(size / 2 ** 20)} MiB`);
    throw new InputError(`${name}: the file has ${found}, expected at most ${most}`);
  }
  const format = formatOf(bytes);
  if (!DECODED.has(format)) throw new InputError(`${name}: expected ${expected}, found ${format}`);
  try {
    const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata();
    refuseManyPixels(name, width, height);
    const { data, info } = await sharp(bytes, { failOn: 'error', limitInputPixels: MAX_PIXELS })
      .autoOrient()
      .toColourspace('srgb')
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { data, width: info.width, height: info.height };
  } catch (error) {
    if (error instanceof InputError) throw error;
    // Whatever libvips says of bytes that begin like a picture: they aren't one to the end.
    throw new InputError(`${name}: the ${format} picture is damaged or cut off, expected a complete file`);
  }
}

function refuseManyPixels(name: string, width: number, height: number) {
  if (width * height <= MAX_PIXELS) return;
  throw new InputError(
    `${name}: the picture has ${width} × ${height} pixels, expected at most ${MAX_PIXELS / 1e6} million in all, ` +
      'such as 7000 × 7000',
  );
}

const DECODED = new Set(['PNG', 'JPEG', 'WebP', 'GIF']);

/** How files begin (RIFF and ISO containers name their kind a little later). Only the first four are decoded. */
const SIGNATURES: [format: string, offset: number, start: string][] = [
  ['PNG', 0, '\x89PNG\r\n\x1a\n'],
  ['JPEG', 0, '\xff\xd8\xff'],
  ['WebP', 8, 'WEBP'],
  ['GIF', 0, 'GIF8'],
  ['a BMP picture', 0, 'BM'],
  ['a TIFF picture', 0, 'II*\0'],
  ['a TIFF picture', 0, 'MM\0*'],
  ['an AVIF or HEIC picture', 4, 'ftyp'],
  ['a PDF document', 0, '%PDF'],
];

function formatOf(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.subarray(0, 512)).toString('latin1');
  const known = SIGNATURES.find(([, offset, text]) => start.startsWith(text, offset));
  if (known) return known[0];
  if (start.includes('<svg')) return 'an SVG drawing';
  return bytes.subarray(0, 512).every(isPrintable) ? 'text' : 'something else';
}

const isPrintable = (byte: number) => byte >= 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
