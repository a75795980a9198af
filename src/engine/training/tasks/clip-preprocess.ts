import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import { PICTURE_SIZE } from '../data/rasterise.ts';

/** What part of a picture CLIP sees: the picture enlarged by `scale` about its middle, then moved, in its pixels. */
export interface View {
  readonly scale: number;
  readonly right: number;
  readonly down: number;
}

export const WHOLE: View = { scale: 1, right: 0, down: 0 };

/**
 * 128 × 128 RGBA bytes, composed on white → `size` × `size` RGB in [−1, 1]: each value the mean of 2 × 2 samples.
 * @param into receives size·size·3 values, rows first, channels last
 */
export function clipPixels(picture: Uint8Array, view: View, size: number, into: Float32Array): void {
  const samples = 2 * size;
  const step = PICTURE_SIZE / samples;
  const middle = PICTURE_SIZE / 2;
  const column = (i: number, shift: number) => Math.floor(((i + 0.5) * step - middle - shift) / view.scale + middle);
  const columns = Array.from({ length: samples }, (_, i) => column(i, view.right));
  const rows = Array.from({ length: samples }, (_, i) => column(i, view.down));
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let dy = 0; dy < 2; dy++) {
          for (let dx = 0; dx < 2; dx++) sum += sampleAt(picture, columns[2 * x + dx]!, rows[2 * y + dy]!, c);
        }
        into[(y * size + x) * 3 + c] = sum / 510 - 1;
      }
    }
  }
}

/**
 * The same of whole pictures that a network has drawn, so that gradients reach it: (B, S, S, 4) in [−1, 1], colour as
 * composed on white → (B, size, size, 3). What leaves [−1, 1] is cut off, as in a file.
 */
export function clipImages(tf: TensorFlow, pictures: tfjs.Tensor, size: number): tfjs.Tensor {
  const [samples, side] = [2 * size, pictures.shape[1]!];
  const places = Array.from({ length: samples }, (_, i) => Math.floor((i + 0.5) * (side / samples)));
  const colours = tf.clipByValue(tf.slice(pictures, [0, 0, 0, 0], [-1, -1, -1, 3]), -1, 1);
  const sampled =
    samples === side
      ? colours
      : tf.gather(tf.gather(colours, tf.tensor1d(places, 'int32'), 1), tf.tensor1d(places, 'int32'), 2);
  return tf.avgPool(sampled as tfjs.Tensor4D, 2, 2, 'valid');
}

/** White outside. */
function sampleAt(picture: Uint8Array, x: number, y: number, channel: number): number {
  if (x < 0 || y < 0 || x >= PICTURE_SIZE || y >= PICTURE_SIZE) return 255;
  return picture[(y * PICTURE_SIZE + x) * 4 + channel]!;
}
