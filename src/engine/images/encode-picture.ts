import sharp from 'sharp';
import { InputError } from '../../errors.ts';
import { Recipe } from '../../recipe.ts';
import type { Tensor } from '../tensor.ts';
import type { Picture } from './picture.ts';
import { addText, DamagedText, readText } from './png-text.ts';

/** Keyword of the text chunk, beside PNG's own `Software`. */
const RECIPE = 'unclip-recipe';

/**
 * The network's picture as bytes: round((x + 1)·127.5).
 * With four channels the first three are the colour as composed on white, w = α·c + (1 − α), and the fourth is α:
 * the colour itself, c = (w − (1 − α))/α, composes right on any background.
 * @param x  (1, 3, H, W) or (1, 4, H, W), values in [−1, 1], clamped
 */
export function pictureFromTensor({ data, shape }: Tensor): Picture {
  const [batch, channels, height, width] = shape as [number, number, number, number];
  if (shape.length !== 4 || batch !== 1 || (channels !== 3 && channels !== 4)) {
    throw new RangeError(`expected a picture (1, 3 or 4, H, W), found (${shape.join(', ')})`);
  }
  const pixels = width * height;
  const picture = new Uint8Array(4 * pixels).fill(255);
  for (let i = 0; i < pixels; i++) {
    // rounded before the colour is computed from it: the file holds no finer one
    const alpha = channels === 4 ? Math.round(255 * unit(data[3 * pixels + i]!)) / 255 : 1;
    for (let c = 0; c < 3; c++) {
      const onWhite = unit(data[c * pixels + i]!);
      if (alpha > 0) picture[4 * i + c] = Math.round(255 * Math.max((onWhite - (1 - alpha)) / alpha, 0));
    }
    picture[4 * i + 3] = Math.round(255 * alpha);
  }
  return { data: picture, width, height };
}

/** [−1, 1] → [0, 1], clamped. */
const unit = (x: number) => Math.min(Math.max((x + 1) / 2, 0), 1);

const fromPicture = ({ data, width, height }: Picture) => sharp(data, { raw: { width, height, channels: 4 } });

/** PNG, with the recipe that makes the same picture again. */
export async function encodePng(picture: Picture, recipe?: Recipe): Promise<Buffer> {
  const isOpaque = picture.data.every((value, i) => i % 4 !== 3 || value === 255);
  const pixels = isOpaque ? fromPicture(picture).removeAlpha() : fromPicture(picture);
  const png = await pixels.png().toBuffer();
  if (!recipe) return png;
  return addText(addText(png, RECIPE, JSON.stringify(recipe)), 'Software', 'unclip-discord');
}

/**
 * The recipe in a PNG made by `encodePng`; undefined where there is none (or no PNG).
 * @param name  the file's name, for messages
 * @throws InputError when there is one that can't be read
 */
export function readRecipe(png: Uint8Array, name: string): Recipe | undefined {
  try {
    const text = readText(png, RECIPE);
    return text === undefined ? undefined : Recipe.parse(JSON.parse(text));
  } catch (error) {
    const reason = error instanceof DamagedText ? 'is damaged' : 'is none that this version can read';
    throw new InputError(`${name}: the recipe in the picture ${reason}, expected one as it was written`);
  }
}

/** A small WebP for a picture in the making, enlarged to `size` pixels on its longer side. */
export async function encodePreview(picture: Picture, size = 256): Promise<Buffer> {
  return fromPicture(picture).resize(size, size, { fit: 'inside' }).webp({ quality: 75 }).toBuffer();
}
