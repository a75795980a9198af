import sharp from 'sharp';
import { decodePicture } from '../images/decode-picture.ts';
import { pictureFromTensor } from '../images/encode-picture.ts';
import type { Picture } from '../images/picture.ts';
import { tensorFromPicture } from '../images/picture-tensor.ts';
import { type Tensor, tensor } from '../tensor.ts';
import type { Size } from './model.ts';

/** Over so many pixels of the drawn part, the colours next to it fade into it. */
const EDGE = 5;

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
 * latents alone lets them shift. They are as they were; at its edge, what was drawn takes on the colour of the nearest
 * of them, or a seam would show along the latents.
 * @param drawn  (1, 3 or 4, H, W) about [−1, 1]
 * @throws InputError for pixels that are no picture
 */
export async function putBackPixels(drawn: Tensor, mask: Tensor, pixels: string): Promise<Tensor> {
  const [, channels, height, width] = drawn.shape as [number, number, number, number];
  const picture = await decodePicture(Buffer.from(pixels, 'base64'), 'kept: pixels');
  const kept = tensorFromPicture(picture, channels, height, width).data;
  const { distance, nearest } = nearestKept(mask, height, width);
  const data = drawn.data.map((value, i) => {
    const pixel = i % (height * width);
    const share = 1 - distance[pixel]! / (EDGE + 1);
    if (share <= 0) return value;
    return share * kept[i - pixel + nearest[pixel]!]! + (1 - share) * Math.min(Math.max(value, -1), 1);
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

/** Of each pixel, the nearest that stays, in steps to any of eight neighbours (Rosenfeld & Pfaltz 1966: a pass down, one up). */
function nearestKept(mask: Tensor, height: number, width: number) {
  const nearest = Int32Array.from({ length: height * width }, (_, i) => i);
  const distance = Float32Array.from(pixelMask(mask, height, width), (stays) => (stays ? 0 : Infinity));
  const lookAt = (i: number, y: number, x: number) => {
    if (y < 0 || x < 0 || y >= height || x >= width) return;
    const neighbour = y * width + x;
    if (distance[neighbour]! + 1 >= distance[i]!) return;
    distance[i] = distance[neighbour]! + 1;
    nearest[i] = nearest[neighbour]!;
  };
  const look = (i: number, side: 1 | -1) => {
    const [y, x] = [Math.floor(i / width), i % width];
    for (const dx of [0, -1, 1]) lookAt(i, y - side, x + dx);
    lookAt(i, y, x - side);
  };
  for (let i = 0; i < distance.length; i++) look(i, 1);
  for (let i = distance.length - 1; i >= 0; i--) look(i, -1);
  return { distance, nearest };
}
