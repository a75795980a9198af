import type * as tfjs from '@tensorflow/tfjs-core';
import { type MovqConfig, movqDecoder, movqEncoder } from '../../networks/movq.ts';
import type { Weights } from '../../ops/ops.ts';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import { TfjsOps } from '../../ops/tfjs-ops.ts';
import { type Tensor, tensor } from '../../tensor.ts';
import type { Dice } from '../dice.ts';
import { evaluated } from './evaluated.ts';
import { toBytes } from './pictures.ts';

/** Ramesh et al. 2022, section 2.1: 3 pixels wide, σ = 0.6. */
const [SIDE, CENTRE] = blurWeights(0.6);
const BLURRED = 0.5;
/** Standard deviation at most, on [−1, 1]. */
const MAX_NOISE = 0.03;

function blurWeights(sigma: number): [side: number, centre: number] {
  const side = Math.exp(-1 / (2 * sigma ** 2));
  return [side / (2 * side + 1), 1 / (2 * side + 1)];
}

/** A square of RGBA bytes, rows first → (1, 4, side, side) in [−1, 1]. @param width of the picture */
export function squareOf(bytes: Uint8Array, width: number, left: number, top: number, side: number): Tensor {
  const data = new Float32Array(4 * side * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const from = 4 * ((top + y) * width + left + x);
      for (let c = 0; c < 4; c++) data[(c * side + y) * side + x] = bytes[from + c]! / 127.5 - 1;
    }
  }
  return tensor(data, [1, 4, side, side]);
}

/** A square of a square picture (1, 4, H, H) → (1, 4, side, side). */
export function cut({ data, shape }: Tensor, left: number, top: number, side: number): Tensor {
  const width = shape[3]!;
  const square = new Float32Array(4 * side * side);
  for (let row = 0; row < 4 * side; row++) {
    const from = (Math.floor(row / side) * width + top + (row % side)) * width + left;
    square.set(data.subarray(from, from + side), row * side);
  }
  return tensor(square, [1, 4, side, side]);
}

/** (1, 4, H, W) in [−1, 1] → RGBA bytes, rows first. */
export function bytesOf({ data }: Tensor): Uint8Array {
  const plane = data.length / 4;
  return toBytes(Float32Array.from(data, (_, i) => data[(i % 4) * plane + (i >> 2)]!));
}

/** The autoencoder that small pictures have gone through. */
export interface FrozenMovq {
  readonly config: MovqConfig;
  readonly weights: Weights<tfjs.Tensor>;
}

/** What a picture (1, 4, h, w) looks like after encoder and decoder, where all that a model draws comes from. */
export async function throughMovq(
  tf: TensorFlow,
  { config, weights }: FrozenMovq,
  { data, shape }: Tensor,
): Promise<Tensor> {
  const ops = new TfjsOps(tf);
  const copy = await evaluated(tf, () => {
    const latents = movqEncoder(ops, weights, config)(ops.image(tf.tensor(data, [...shape])));
    return ops.fromImage(movqDecoder(ops, weights, config)(latents));
  });
  return tensor(copy.data, shape);
}

/** A picture (1, 4, h, w), some blurred, all a little noised. */
export function blurAndNoise(picture: Tensor, dice: Dice): Tensor {
  const { data, shape } = dice.chance(BLURRED) ? blur(picture) : picture;
  const deviation = MAX_NOISE * dice.uniform();
  const noise = dice.normal(shape).data;
  return tensor(
    data.map((value, i) => value + deviation * noise[i]!),
    shape,
  );
}

/** Both ways, the pixels at the edge repeated beyond it. */
function blur({ data, shape }: Tensor): Tensor {
  const [height, width] = shape.slice(2) as [number, number];
  const along = (values: Float32Array, stride: number, length: number) =>
    values.map((value, i) => {
      const at = Math.floor(i / stride) % length;
      const before = values[at > 0 ? i - stride : i]!;
      const after = values[at < length - 1 ? i + stride : i]!;
      return CENTRE * value + SIDE * (before + after);
    });
  return tensor(along(along(data, 1, width), width, height), shape);
}
