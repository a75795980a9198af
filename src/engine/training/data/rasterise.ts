import sharp from 'sharp';

/** Side of every picture of a data set, in pixels. */
export const PICTURE_SIZE = 128;
export const PICTURE_BYTES = PICTURE_SIZE * PICTURE_SIZE * 4;
const MARGIN = 4;
/** SVGs are drawn larger and then reduced, which keeps fine lines even. */
export const SVG_SIZE = 256;

/**
 * A file of any format that sharp reads → 128 × 128 RGBA: the whole picture in the middle, its proportions kept, with a
 * margin; colour as composed on white, alpha beside it (so that transparent pixels are white, not arbitrary).
 */
export async function rasterise(file: Buffer, margin = MARGIN): Promise<Buffer> {
  const side = PICTURE_SIZE - 2 * margin;
  const transparent = { r: 255, g: 255, b: 255, alpha: 0 };
  const picture = sharp(file)
    .ensureAlpha()
    .toColourspace('srgb')
    .resize(side, side, { fit: 'contain', background: transparent });
  const bytes = await picture
    .extend({ top: margin, bottom: margin, left: margin, right: margin, background: transparent })
    .raw()
    .toBuffer();
  return composeOnWhite(bytes);
}

function composeOnWhite(rgba: Buffer): Buffer {
  for (let i = 0; i < rgba.length; i += 4) {
    const alpha = rgba[i + 3]! / 255;
    for (let c = 0; c < 3; c++) rgba[i + c] = Math.round(255 + (rgba[i + c]! - 255) * alpha);
  }
  return rgba;
}

/** The share of pixels that one can see. */
export function inkOf(rgba: Uint8Array): number {
  let visible = 0;
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i]! > 25) visible++;
  return visible / (rgba.length / 4);
}
