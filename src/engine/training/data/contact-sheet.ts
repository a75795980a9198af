import { escapeUTF8 } from 'entities';
import sharp from 'sharp';
import type { PictureSet } from './picture-set.ts';
import { PICTURE_BYTES, PICTURE_SIZE } from './rasterise.ts';

export interface SheetOptions {
  readonly columns: number;
  /** Side of a picture on the sheet, in pixels. */
  readonly size: number;
  /** A text for each row, left of its pictures. */
  readonly labels?: readonly string[];
  /** A text for each picture, below it. */
  readonly captions?: readonly string[];
}

/** Width of the column of labels, height of a row of captions, and what is left free around each text, in pixels. */
const LABELS = 192;
const CAPTIONS = 44;
const MARGIN = 4;

/** 128 × 128 RGBA pictures in a grid, as PNG: row after row, as they look on white. */
export async function contactSheet(
  pictures: readonly Uint8Array[],
  { columns, size, labels, captions }: SheetOptions,
): Promise<Buffer> {
  const raw = { width: PICTURE_SIZE, height: PICTURE_SIZE, channels: 3 } as const;
  const margin = labels ? LABELS : 0;
  const height = size + (captions ? CAPTIONS : 0);
  const placeOf = (i: number) => ({
    left: margin + (i % columns) * size,
    top: Math.floor(i / columns) * height,
  });
  const tiles = pictures.map(async (picture, i) => ({
    input: await sharp(colourOf(picture), { raw }).resize(size, size).png().toBuffer(),
    ...placeOf(i),
  }));
  const beside = (labels ?? []).map((label, row) =>
    drawText(label, 12, { left: 0, top: row * height, width: LABELS, height: size }),
  );
  const below = (captions ?? []).map((caption, i) => {
    const { left, top } = placeOf(i);
    return drawText(caption, 8, { left, top: top + size, width: size, height: CAPTIONS });
  });
  const rows = Math.ceil(pictures.length / columns);
  const sheet = sharp({
    create: { width: margin + columns * size, height: rows * height, channels: 3, background: 'white' },
  });
  return sheet
    .composite(await Promise.all([...tiles, ...beside, ...below]))
    .png()
    .toBuffer();
}

/** A row of a sheet, white where there are no more pictures. */
export const sheetRow = (pictures: readonly Uint8Array[], columns: number): Uint8Array[] =>
  Array.from({ length: columns }, (_, i) => pictures[i] ?? new Uint8Array(PICTURE_BYTES).fill(255));

/**
 * A text in the middle of a box, at its top: broken into lines, smaller where it would be higher than the box.
 * The quotes: sharp refuses a text of nothing.
 * @param points size of the font
 */
async function drawText(
  text: string,
  points: number,
  box: { left: number; top: number; width: number; height: number },
) {
  const [width, height] = [box.width - 2 * MARGIN, box.height - 2 * MARGIN];
  const input = sharp({
    text: {
      text: `“${escapeUTF8(text)}”`,
      font: `sans ${points}`,
      width,
      align: 'centre',
      wrap: 'word-char',
      rgba: true,
    },
  });
  const { data, info } = await input
    .resize({ width, height, fit: 'inside', withoutEnlargement: true })
    .png()
    .toBuffer({ resolveWithObject: true });
  return { input: data, left: box.left + Math.round((box.width - info.width) / 2), top: box.top + MARGIN };
}

/** Without alpha, by which sharp would weigh colours that are composed already. */
function colourOf(rgba: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let i = 0; i < rgb.length / 3; i++) rgb.set(rgba.subarray(4 * i, 4 * i + 3), 3 * i);
  return rgb;
}

/** Pixels that a sheet of a data set is wide at most. */
const WIDTH = 1440;
/** Captions below narrower pictures could not be read. */
const MOST_COLUMNS = 20;

/**
 * `count` pictures of a data set at even distances, with their captions: the same at every call. As many columns as rows, so
 * that the fewer they are, the larger they stand there: up to their own size, and down to 72 pixels.
 */
export function datasetSheet(set: PictureSet, count: number): Promise<Buffer> {
  const shown = Math.min(count, set.records.length);
  const indices = Array.from({ length: shown }, (_, i) => Math.floor((i * set.records.length) / shown));
  const columns = Math.min(MOST_COLUMNS, Math.ceil(Math.sqrt(shown)));
  return contactSheet(
    indices.map((index) => set.read(index)),
    {
      columns,
      size: Math.min(PICTURE_SIZE, Math.floor(WIDTH / columns)),
      captions: indices.map((index) => set.records[index]!.name),
    },
  );
}
