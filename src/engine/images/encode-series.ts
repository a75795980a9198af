import sharp from 'sharp';
import type { Picture } from './picture.ts';

/** How pictures that belong together become one file. */
export const SERIES_FORMATS = ['strip', 'gif', 'webp'] as const;
export type SeriesFormat = (typeof SERIES_FORMATS)[number];

export const extensionOf = (format: SeriesFormat) => (format === 'strip' ? 'png' : format);

/** Milliseconds that an animation shows a frame, and its first and last one. */
const FRAME_MS = 80;
const END_MS = 600;

/** @param pictures  of one size, at least one */
export function encodeSeries(pictures: readonly Picture[], format: SeriesFormat): Promise<Buffer> {
  return format === 'strip' ? encodeStrip(pictures) : encodeAnimation(pictures, format);
}

/** Side by side, as a PNG. */
function encodeStrip(pictures: readonly Picture[]): Promise<Buffer> {
  const { width, height } = pictures[0]!;
  const strip = sharp({
    create: { width: width * pictures.length, height, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
  });
  const layers = pictures.map(({ data }, i) => ({
    input: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    raw: { width, height, channels: 4 as const },
    left: i * width,
    top: 0,
  }));
  return strip.composite(layers).png().toBuffer();
}

/** There and back again, for ever. */
function encodeAnimation(pictures: readonly Picture[], format: 'gif' | 'webp'): Promise<Buffer> {
  const { width, height } = pictures[0]!;
  const frames = [...pictures, ...pictures.slice(1, -1).reverse()];
  const delay = frames.map((_, i) => (i === 0 || i === pictures.length - 1 ? END_MS : FRAME_MS));
  const data = Buffer.concat(frames.map((frame) => frame.data));
  const raw = { width, height: height * frames.length, channels: 4, pageHeight: height } as const;
  const animation = sharp(data, { raw });
  return format === 'gif'
    ? animation.gif({ delay, loop: 0 }).toBuffer()
    : animation.webp({ delay, loop: 0, quality: 90 }).toBuffer();
}
