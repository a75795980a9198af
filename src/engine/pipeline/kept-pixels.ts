import sharp from 'sharp';
import { decodePicture } from '../images/decode-picture.ts';
import { pictureFromTensor } from '../images/encode-picture.ts';
import type { Picture } from '../images/picture.ts';
import { tensorFromPicture } from '../images/picture-tensor.ts';
import { type Tensor, tensor } from '../tensor.ts';
import type { Size } from './model.ts';

/** Over so many pixels outside the drawn part, what was drawn fades into what stays. */
const EDGE = 4;

/**
 * The pixels that stay, as a recipe holds them: of the picture's size when drawn, transparent where it is drawn.
 * @param mask  (1, 1, h, w): 1 stays, 0 is drawn
 * @returns lossless WebP, base64
 */
export async function encodeKeptPixels(picture: Picture, mask: Tensor, { width, height }: Size): Promise<string> {
  const { data } = pictureFromTensor(tensorFromPicture(picture, 4, height, width));
  for (const [i, stays] of pixelMask(mask, height, width).entries()) {
    if (!stays) data.fill(0, 4 * i, 4 * i + 4);
  }
  const webp = await sharp(data, { raw: { width, height, channels: 4 } })
    .webp({ lossless: true })
    .toBuffer();
  return webp.toString('base64');
}

/**
 * Puts the pixels that stay back into what was drawn: a latent holds the colours of its neighbours too, so keeping
 * latents alone lets them shift.
 * @param drawn  (1, 3 or 4, H, W) about [−1, 1]
 * @throws InputError for pixels that are no picture
 */
export async function putBackPixels(drawn: Tensor, mask: Tensor, pixels: string): Promise<Tensor> {
  const [, channels, height, width] = drawn.shape as [number, number, number, number];
  const picture = await decodePicture(Buffer.from(pixels, 'base64'), 'kept: pixels');
  const kept = tensorFromPicture(picture, channels, height, width).data;
  const distance = distanceToDrawn(mask, height, width);
  const data = drawn.data.map((value, i) => {
    const share = Math.min(distance[i % distance.length]! / (EDGE + 1), 1);
    return share === 0 ? value : share * kept[i]! + (1 - share) * Math.min(Math.max(value, -1), 1);
  });
  return tensor(data, drawn.shape);
}

/** A mask of latents as one of pixels: 1 stays, 0 is drawn. */
function pixelMask(mask: Tensor, height: number, width: number): Uint8Array {
  const [, , rows, columns] = mask.shape as [number, number, number, number];
  return Uint8Array.from({ length: height * width }, (_, i) => {
    const [y, x] = [Math.floor(i / width), i % width];
    return mask.data[Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width)]!;
  });
}

/** Of each pixel, in steps to any of its eight neighbours (Rosenfeld & Pfaltz 1966: one pass down, one up). */
function distanceToDrawn(mask: Tensor, height: number, width: number): Float32Array {
  const distance = Float32Array.from(pixelMask(mask, height, width), (stays) => (stays ? Infinity : 0));
  const at = (y: number, x: number) =>
    y < 0 || x < 0 || y >= height || x >= width ? Infinity : distance[y * width + x]!;
  const shorten = (i: number, side: 1 | -1) => {
    const [y, x] = [Math.floor(i / width), i % width];
    const row = y - side;
    distance[i] = Math.min(distance[i]!, 1 + Math.min(at(row, x - 1), at(row, x), at(row, x + 1), at(y, x - side)));
  };
  for (let i = 0; i < distance.length; i++) shorten(i, 1);
  for (let i = distance.length - 1; i >= 0; i--) shorten(i, -1);
  return distance;
}
