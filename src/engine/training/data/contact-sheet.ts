import sharp from 'sharp';
import type { PictureSet } from './picture-set.ts';
import { PICTURE_SIZE } from './rasterise.ts';

export interface SheetOptions {
  readonly columns: number;
  /** Side of a picture on the sheet, in pixels. */
  readonly size: number;
}

/** 128 × 128 RGBA pictures in a grid, as PNG: row after row, as they look on white. */
export async function contactSheet(pictures: readonly Uint8Array[], { columns, size }: SheetOptions): Promise<Buffer> {
  const raw = { width: PICTURE_SIZE, height: PICTURE_SIZE, channels: 3 } as const;
  const tiles = pictures.map(async (picture, i) => ({
    input: await sharp(colourOf(picture), { raw }).resize(size, size).png().toBuffer(),
    left: (i % columns) * size,
    top: Math.floor(i / columns) * size,
  }));
  const rows = Math.ceil(pictures.length / columns);
  const sheet = sharp({ create: { width: columns * size, height: rows * size, channels: 3, background: 'white' } });
  return sheet
    .composite(await Promise.all(tiles))
    .png()
    .toBuffer();
}

/** Without alpha, by which sharp would weigh colours that are composed already. */
function colourOf(rgba: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let i = 0; i < rgb.length / 3; i++) rgb.set(rgba.subarray(4 * i, 4 * i + 3), 3 * i);
  return rgb;
}

/** `count` pictures of a data set at even distances: the same at every call. */
export function datasetSheet(set: PictureSet, count: number, options: SheetOptions): Promise<Buffer> {
  const shown = Math.min(count, set.records.length);
  const pictures = Array.from({ length: shown }, (_, i) => set.read(Math.floor((i * set.records.length) / shown)));
  return contactSheet(pictures, options);
}
