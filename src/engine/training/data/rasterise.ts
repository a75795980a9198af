import sharp, { type Sharp } from 'sharp';
import type { Picture } from '../../images/picture.ts';

/** Side of every picture of a data set, in pixels. */
export const PICTURE_SIZE = 128;
export const PICTURE_BYTES = PICTURE_SIZE * PICTURE_SIZE * 4;
/** Of a picture of that size. */
const MARGIN = 4;
/** SVGs are drawn larger and then reduced, which keeps fine lines even. */
export const SVG_SIZE = 256;
/** What one inch of an SVG has in pixels when nothing else is asked for. */
const SVG_DENSITY = 72;

type Framing = 'whole' | 'cut to a square';

/**
 * A decoded picture, or a file of any format that sharp reads → 128 × 128 RGBA: colour as composed on white, alpha beside
 * it (so that transparent pixels are white, not arbitrary).
 * @param framing  the whole picture in the middle, its proportions kept, with a margin; or its middle, without one
 * @param scale    whole: so many times as large, each pixel where `scale`² of them are
 */
export async function rasterise(picture: Picture | Buffer, framing: Framing = 'whole', scale = 1): Promise<Buffer> {
  const margin = framing === 'whole' ? scale * MARGIN : 0;
  const side = scale * PICTURE_SIZE - 2 * margin;
  const transparent = { r: 255, g: 255, b: 255, alpha: 0 };
  const bytes = await open(picture, Math.max(SVG_DENSITY, (SVG_DENSITY * scale * PICTURE_SIZE) / SVG_SIZE))
    .ensureAlpha()
    .toColourspace('srgb')
    .resize(side, side, { fit: framing === 'whole' ? 'contain' : 'cover', background: transparent })
    .extend({ top: margin, bottom: margin, left: margin, right: margin, background: transparent })
    .raw()
    .toBuffer();
  return composeOnWhite(bytes);
}

/** @param density  of an SVG */
function open(picture: Picture | Buffer, density: number): Sharp {
  if (!('width' in picture)) return sharp(picture, { density });
  return sharp(picture.data, { raw: { width: picture.width, height: picture.height, channels: 4 } });
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
