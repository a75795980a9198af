import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import { PICTURE_SIZE } from '../data/rasterise.ts';

/** How a picture lies before CLIP: enlarged by `scale`, and by `stretch` more in width than in height, about its middle, turned, then moved, in its pixels. */
export interface View {
  readonly scale: number;
  readonly right: number;
  readonly down: number;
  /** Clockwise, in radians. */
  readonly turn: number;
  readonly stretch: number;
  /** By how much each place is moved besides, as if drawn by another hand; not at all where there is none. */
  readonly bend?: Bend | undefined;
}

/** Displacements in pixels: of rows of the picture and of its columns, (128) each. */
export interface Bend {
  readonly right: { readonly byRow: Float32Array; readonly byColumn: Float32Array };
  readonly down: { readonly byRow: Float32Array; readonly byColumn: Float32Array };
}

export const WHOLE: View = { scale: 1, right: 0, down: 0, turn: 0, stretch: 1 };

/** Samples along each side of a pixel of what CLIP sees: of a smaller picture, each of the 128 × 128 pixels counts. */
const samplesFor = (size: number) => Math.max(1, Math.round(PICTURE_SIZE / size));

/**
 * 128 × 128 RGBA bytes, composed on white → `size` × `size` RGB in [−1, 1].
 * @param into receives size·size·3 values, rows first, channels last
 */
export function clipPixels(picture: Uint8Array, view: View, size: number, into: Float32Array): void {
  const samples = samplesFor(size);
  const step = PICTURE_SIZE / (samples * size);
  const half = 127.5 * samples ** 2;
  const middle = PICTURE_SIZE / 2;
  const width = view.scale * Math.sqrt(view.stretch);
  const height = view.scale / Math.sqrt(view.stretch);
  const [cos, sin] = [Math.cos(view.turn), Math.sin(view.turn)];
  const { bend } = view;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      let [red, green, blue] = [0, 0, 0];
      for (let sample = 0; sample < samples ** 2; sample++) {
        const across = (samples * x + (sample % samples) + 0.5) * step - middle - view.right;
        const along = (samples * y + Math.floor(sample / samples) + 0.5) * step - middle - view.down;
        let column = Math.floor((across * cos + along * sin) / width + middle);
        let row = Math.floor((along * cos - across * sin) / height + middle);
        if (bend && isInside(column, row)) {
          const right = bend.right.byRow[row]! + bend.right.byColumn[column]!;
          const down = bend.down.byRow[row]! + bend.down.byColumn[column]!;
          column = Math.round(column - right);
          row = Math.round(row - down);
        }
        if (isInside(column, row)) {
          const at = (row * PICTURE_SIZE + column) * 4;
          red += picture[at]!;
          green += picture[at + 1]!;
          blue += picture[at + 2]!;
        } else {
          // white outside
          red += 255;
          green += 255;
          blue += 255;
        }
      }
      const at = (y * size + x) * 3;
      into[at] = red / half - 1;
      into[at + 1] = green / half - 1;
      into[at + 2] = blue / half - 1;
    }
  }
}

const isInside = (column: number, row: number) =>
  column >= 0 && row >= 0 && column < PICTURE_SIZE && row < PICTURE_SIZE;

/** The same of some pictures, whole, one after another. */
export function wholePictures(pictures: readonly Uint8Array[], size: number): Float32Array {
  const count = size * size * 3;
  const pixels = new Float32Array(pictures.length * count);
  for (const [i, picture] of pictures.entries()) {
    clipPixels(picture, WHOLE, size, pixels.subarray(i * count, (i + 1) * count));
  }
  return pixels;
}

/**
 * The same of whole pictures that a network has drawn, so that gradients reach it: (B, S, S, 4) in [−1, 1], colour as
 * composed on white → (B, size, size, 3). What leaves [−1, 1] is cut off, as in a file.
 */
export function clipImages(tf: TensorFlow, pictures: tfjs.Tensor, size: number): tfjs.Tensor {
  const [samples, side] = [samplesFor(size), pictures.shape[1]!];
  const places = Array.from({ length: samples * size }, (_, i) => Math.floor((i + 0.5) * (side / (samples * size))));
  const colours = tf.clipByValue(tf.slice(pictures, [0, 0, 0, 0], [-1, -1, -1, 3]), -1, 1);
  const sampled =
    places.length === side
      ? colours
      : tf.gather(tf.gather(colours, tf.tensor1d(places, 'int32'), 1), tf.tensor1d(places, 'int32'), 2);
  return tf.avgPool(sampled as tfjs.Tensor4D, samples, samples, 'valid');
}
