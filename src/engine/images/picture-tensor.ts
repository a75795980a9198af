import { type Tensor, tensor } from '../tensor.ts';
import { composeOn, type Picture } from './picture.ts';
import { reduce } from './reduce.ts';
import { BICUBIC, type Raster, resample } from './resample.ts';

/**
 * A picture for a network that encodes pixels, resized as diffusers does, whatever its proportions; the inverse of
 * `pictureFromTensor`.
 * @param channels  3: composed on white; 4: the fourth is how opaque it is
 * @returns (1, channels, height, width) in [−1, 1]
 */
export function tensorFromPicture(picture: Picture, channels: number, height: number, width: number): Tensor {
  const { data } = resize(onWhite(picture, channels), width, height);
  const pixels = width * height;
  const output = new Float32Array(channels * pixels);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < pixels; i++) output[c * pixels + i] = data[i * channels + c]! / 127.5 - 1;
  }
  return tensor(output, [1, channels, height, width]);
}

/** Colour as composed on white, and alpha as the fourth channel. */
function onWhite(picture: Picture, channels: number): Raster {
  if (channels !== 3 && channels !== 4) throw new RangeError(`expected 3 or 4 channels, found ${channels}`);
  const { data, width, height } = picture;
  const composed = composeOn(picture).data;
  const output = new Uint8Array(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    output.set(composed.subarray(4 * i, 4 * i + 3), i * channels);
    if (channels === 4) output[4 * i + 3] = data[4 * i + 3]!;
  }
  return { data: output, width, height, channels };
}

/** Pillow's `resize(…, BICUBIC, reducing_gap=1)`: by a whole factor first, then by what remains. */
function resize(picture: Raster, width: number, height: number): Raster {
  const factorX = Math.max(Math.floor(picture.width / width), 1);
  const factorY = Math.max(Math.floor(picture.height / height), 1);
  const reduced = factorX > 1 || factorY > 1 ? reduce(picture, factorX, factorY) : picture;
  // Single precision, as in Pillow.
  const span = { width: Math.fround(picture.width / factorX), height: Math.fround(picture.height / factorY) };
  return resample(reduced, width, height, BICUBIC, span);
}
