import { PICTURE_BYTES, PICTURE_SIZE } from '../rasterise.ts';

// Pictures of a data set hold colour as composed on white, C = αc + (1 − α)·255, and α. To lay them over each other they are
// taken off the white first: P = C − (1 − α)·255 = αc, which adds up.

/** 128 × 128 RGBA, colour multiplied with alpha; rows from the top. */
export type Layer = Float32Array;

const SIZE = PICTURE_SIZE;

export function layerFrom(picture: Uint8Array): Layer {
  return Float32Array.from(picture, (value, i) => ((i & 3) === 3 ? value : value - (255 - picture[i | 3]!)));
}

/** Composed on white again. */
export function pictureFrom(layer: Layer): Uint8Array {
  return Uint8Array.from(layer, (value, i) =>
    Math.max(0, Math.min(255, Math.round((i & 3) === 3 ? value : value + 255 - layer[i | 3]!))),
  );
}

/** Porter & Duff 1984: top over bottom. */
export function over(top: Layer, bottom: Layer): Layer {
  return top.map((value, i) => value + (1 - top[i | 3]! / 255) * bottom[i]!);
}

/** One colour everywhere. */
export function flat([red, green, blue]: readonly number[]): Layer {
  const colour = [red!, green!, blue!, 255];
  return Float32Array.from({ length: PICTURE_BYTES }, (_, i) => colour[i & 3]!);
}

/** The layer in one colour: what is left of it is its shape. */
export function shape(layer: Layer, colour: readonly number[], opacity = 1): Layer {
  return layer.map((_, i) => {
    const alpha = layer[i | 3]! * opacity;
    return (i & 3) === 3 ? alpha : (alpha / 255) * colour[i & 3]!;
  });
}

/**
 * Made smaller or larger about its middle, which goes to (x, y), in pixels of 128: each pixel is the mean of 2 × 2 samples.
 */
export function place(
  layer: Layer,
  { scale, x, y }: { readonly scale: number; readonly x: number; readonly y: number },
): Layer {
  const placed = new Float32Array(layer.length);
  const source = (i: number, middle: number) => Math.floor((i / 2 + 0.25 - middle) / scale + SIZE / 2);
  const columns = Array.from({ length: 2 * SIZE }, (_, i) => source(i, x));
  const rows = Array.from({ length: 2 * SIZE }, (_, i) => source(i, y));
  const inside = (i: number) => i >= 0 && i < SIZE;
  for (let row = 0; row < 2 * SIZE; row++) {
    if (!inside(rows[row]!)) continue;
    for (let column = 0; column < 2 * SIZE; column++) {
      if (!inside(columns[column]!)) continue;
      const to = ((row >> 1) * SIZE + (column >> 1)) * 4;
      const from = (rows[row]! * SIZE + columns[column]!) * 4;
      for (let c = 0; c < 4; c++) placed[to + c] = placed[to + c]! + layer[from + c]! / 4;
    }
  }
  return placed;
}

/** Its alpha spread by `radius` pixels on all sides, without colour. */
export function spread(layer: Layer, radius: number): Layer {
  const alpha = Float32Array.from({ length: SIZE * SIZE }, (_, p) => layer[4 * p + 3]!);
  // along rows, then along columns: a square
  const wide = maximumAlong(maximumAlong(alpha, 1, radius), SIZE, radius);
  const grown = new Float32Array(layer.length);
  for (let p = 0; p < wide.length; p++) grown[4 * p + 3] = wide[p]!;
  return grown;
}

function maximumAlong(values: Float32Array, step: number, reach: number): Float32Array<ArrayBuffer> {
  const maximum = new Float32Array(values.length);
  for (let p = 0; p < values.length; p++) {
    const at = step === 1 ? p % SIZE : Math.floor(p / SIZE);
    for (let d = Math.max(-reach, -at); d <= Math.min(reach, SIZE - 1 - at); d++)
      maximum[p] = Math.max(maximum[p]!, values[p + d * step]!);
  }
  return maximum;
}
