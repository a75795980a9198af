import { escapeUTF8 } from 'entities';
import sharp from 'sharp';
import type { PictureSet } from './picture-set.ts';
import { PICTURE_SIZE } from './rasterise.ts';

export interface SheetOptions {
  readonly columns: number;
  /** Side of a picture on the sheet, in pixels. */
  readonly size: number;
  /** One for each picture, to stand below it. */
  readonly captions?: readonly string[];
}

/** Of captions, in pixels. */
const FONT_SIZE = 10;
const LINE_HEIGHT = 12;
/** Of a caption; what is longer ends in an ellipsis. */
const LINES = 3;
const CAPTION_HEIGHT = LINES * LINE_HEIGHT + 6;
/** Of a letter on average, in font sizes. */
const LETTER_WIDTH = 0.62;

/** 128 × 128 RGBA pictures in a grid, as PNG: row after row, as they look on white. */
export async function contactSheet(
  pictures: readonly Uint8Array[],
  { columns, size, captions }: SheetOptions,
): Promise<Buffer> {
  const raw = { width: PICTURE_SIZE, height: PICTURE_SIZE, channels: 3 } as const;
  const height = size + (captions ? CAPTION_HEIGHT : 0);
  const tiles = pictures.map(async (picture, i) => {
    const [left, top] = [(i % columns) * size, Math.floor(i / columns) * height];
    const input = await sharp(colourOf(picture), { raw }).resize(size, size).png().toBuffer();
    return [
      { input, left, top },
      ...(captions ? [{ input: drawCaption(captions[i]!, size), left, top: top + size }] : []),
    ];
  });
  const rows = Math.ceil(pictures.length / columns);
  const sheet = sharp({ create: { width: columns * size, height: rows * height, channels: 3, background: 'white' } });
  return sheet
    .composite((await Promise.all(tiles)).flat())
    .png()
    .toBuffer();
}

/** SVG: as wide as its picture, in the middle below it. */
function drawCaption(caption: string, width: number): Buffer {
  const lines = captionLines(caption, Math.floor(width / (LETTER_WIDTH * FONT_SIZE)));
  const spans = lines.map((line, i) => `<tspan x="50%" y="${(i + 1) * LINE_HEIGHT}">${escapeUTF8(line)}</tspan>`);
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${CAPTION_HEIGHT}">` +
      `<text font-family="sans-serif" font-size="${FONT_SIZE}" text-anchor="middle">${spans.join('')}</text></svg>`,
  );
}

/** A caption in lines of at most so many letters, its words whole where they fit. */
export function captionLines(caption: string, letters: number): string[] {
  const wordsThatFit = `\\S(?:.{0,${letters - 2}}\\S)?(?=\\s|$)`;
  const lines = caption.match(new RegExp(`${wordsThatFit}|\\S{${letters}}`, 'gu')) ?? [];
  if (lines.length <= LINES) return lines;
  const last = [...lines[LINES - 1]!].slice(0, letters - 1).join('');
  return [...lines.slice(0, LINES - 1), `${last}…`];
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
