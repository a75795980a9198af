import { pictureFromTensor } from '../../images/encode-picture.ts';
import { tensorFromPicture } from '../../images/picture-tensor.ts';
import { type Tensor, tensor } from '../../tensor.ts';
import { PICTURE_SIZE } from '../../training/data/rasterise.ts';
import { toBytes } from '../../training/tasks/pictures.ts';

const PIXELS = PICTURE_SIZE * PICTURE_SIZE;

/** A picture of a data set for a network: (1, 4, 128, 128) in [−1, 1]; with three channels without its alpha. */
export function tensorFromRgba(rgba: Uint8Array, channels: number): Tensor {
  const data = new Float32Array(channels * PIXELS);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < PIXELS; i++) data[c * PIXELS + i] = rgba[4 * i + c]! / 127.5 - 1;
  }
  return tensor(data, [1, channels, PICTURE_SIZE, PICTURE_SIZE]);
}

/** What a network drew, (1, 3 or 4, 128, 128) about [−1, 1], as bytes of a data set's picture. */
export function rgbaFromTensor({ data, shape }: Tensor): Uint8Array {
  const bytes = toBytes(data);
  const rgba = new Uint8Array(4 * PIXELS).fill(255);
  for (let c = 0; c < shape[1]!; c++) for (let i = 0; i < PIXELS; i++) rgba[4 * i + c] = bytes[c * PIXELS + i]!;
  return rgba;
}

/** A square of half a picture's side, twice as large: 128 × 128 RGBA bytes of both, white where there is no more. @param at its middle, in pixels */
export function cutOut(picture: Uint8Array, at: { readonly x: number; readonly y: number }): Uint8Array {
  const cut = new Uint8Array(4 * PIXELS).fill(255);
  for (let y = 0; y < PICTURE_SIZE; y++) {
    for (let x = 0; x < PICTURE_SIZE; x++) {
      const [fromX, fromY] = [at.x + ((x - PICTURE_SIZE / 2) >> 1), at.y + ((y - PICTURE_SIZE / 2) >> 1)];
      if (Math.min(fromX, fromY) < 0 || Math.max(fromX, fromY) >= PICTURE_SIZE) continue;
      const from = 4 * (fromY * PICTURE_SIZE + fromX);
      cut.set(picture.subarray(from, from + 3), 4 * (y * PICTURE_SIZE + x));
    }
  }
  return cut;
}

/** A drawn picture of any size as one of a data set, on white: what judge and contact sheets take. */
export function rgbaFromDrawn(image: Tensor): Uint8Array {
  return rgbaFromTensor(tensorFromPicture(pictureFromTensor(image), 3, PICTURE_SIZE, PICTURE_SIZE));
}
