import { type Tensor, tensor } from '../tensor.ts';

/** Bytes of a picture, rows from the top, its channels side by side. */
export interface Raster {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

interface Kernel {
  /** Zero from this distance on. */
  readonly support: number;
  readonly weight: (distance: number) => number;
}

/** Pillow's filters by their number in `Image.resize`. Bicubic is Keys 1981 with a = −½. */
const KERNELS = {
  1: { support: 3, weight: (x) => (x < 3 ? sinc(x) * sinc(x / 3) : 0) },
  2: { support: 1, weight: (x) => Math.max(1 - x, 0) },
  3: {
    support: 2,
    weight: (x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0),
  },
} as const satisfies Record<number, Kernel>;

export type Resampling = keyof typeof KERNELS;
export const BICUBIC = 3;

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/**
 * Resizes as Pillow 13 does: each output pixel is Σ w·input, w the kernel stretched by the factor of reduction
 * (antialiasing); one axis, rounded to bytes, then the other.
 * Own code: sharp's cubic kernel differs by tens of 255 levels at edges, and CLIP learned from Pillow's pictures.
 * @param span  how much of the picture is taken, from its upper left corner: all of it if absent
 */
export function resample(
  { data, width, height, channels }: Raster,
  newWidth: number,
  newHeight: number,
  filter: Resampling,
  span: { readonly width: number; readonly height: number } = { width, height },
): Raster {
  const kernel = KERNELS[filter];
  const steps = [
    (raster: Raster) => resampleWidth(raster, newWidth, kernel, span.width),
    (raster: Raster) => resampleHeight(raster, newHeight, kernel, span.height),
  ];
  // Pillow takes the rows first, unless that is much more work; the rounding in between shows which.
  const columnsFirst = height > newHeight && height - newHeight > 2 * (width - newWidth);
  const ordered = columnsFirst ? steps.toReversed() : steps;
  return ordered.reduce((raster, step) => step(raster), { data, width, height, channels });
}

function resampleWidth(raster: Raster, newWidth: number, kernel: Kernel, span: number): Raster {
  const { data, width, height, channels } = raster;
  if (newWidth === width && span === width) return raster;
  const resampled = resampleBytes(data, height, channels, byteWindows(width, newWidth, kernel, span));
  return { ...raster, data: resampled, width: newWidth };
}

function resampleHeight(raster: Raster, newHeight: number, kernel: Kernel, span: number): Raster {
  const { data, width, height, channels } = raster;
  if (newHeight === height && span === height) return raster;
  const resampled = resampleBytes(data, 1, width * channels, byteWindows(height, newHeight, kernel, span));
  return { ...raster, data: resampled, height: newHeight };
}

/**
 * Enlarges or reduces an image as torch's `interpolate(mode='bicubic', antialias=True)`: the same sums, not rounded.
 * @param x  (B, C, H, W)
 * @returns  (B, C, height, width)
 */
export function resizeBicubic({ data, shape }: Tensor, height: number, width: number): Tensor {
  const [batch, channels, oldHeight, oldWidth] = shape as [number, number, number, number];
  const planes = batch * channels;
  const narrowed = resampleFloats(data, planes * oldHeight, 1, windows(oldWidth, width, KERNELS[BICUBIC]));
  const resized = resampleFloats(narrowed, planes, width, windows(oldHeight, height, KERNELS[BICUBIC]));
  return tensor(resized, [batch, channels, height, width]);
}

/** The values along an axis that an output value is made of. */
interface Window {
  readonly first: number;
  readonly weights: Float64Array;
}

/** One for each output value of an axis of `size` values; `span` of them are spread over the output. */
function windows(size: number, newSize: number, { support, weight }: Kernel, span = size) {
  const scale = span / newSize;
  const stretch = Math.max(scale, 1);
  const list = Array.from({ length: newSize }, (_, i): Window => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support * stretch + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support * stretch + 0.5), size);
    const values = Float64Array.from({ length: end - first }, (_, j) =>
      weight(Math.abs((first + j - centre + 0.5) / stretch)),
    );
    const sum = values.reduce((a, b) => a + b, 0);
    return { first, weights: values.map((value) => value / sum) };
  });
  return { size, list };
}

type Windows = ReturnType<typeof windows>;

/** Pillow's weights for bytes are whole multiples of 2^−22. */
const UNIT = 2 ** 22;

function byteWindows(size: number, newSize: number, kernel: Kernel, span: number): Windows {
  const { list } = windows(size, newSize, kernel, span);
  const whole = (weight: number) => Math.sign(weight) * Math.floor(Math.abs(weight) * UNIT + 0.5);
  return { size, list: list.map(({ first, weights }) => ({ first, weights: weights.map(whole) })) };
}

function resampleBytes(input: Uint8Array, blocks: number, stride: number, along: Windows): Uint8Array {
  const output = new Uint8Array(blocks * along.list.length * stride);
  resampleAxis(input, blocks, stride, along, (at, sum) => {
    output[at] = Math.min(Math.max(Math.floor((sum + UNIT / 2) / UNIT), 0), 255);
  });
  return output;
}

function resampleFloats(input: Float32Array, blocks: number, stride: number, along: Windows): Float32Array {
  const output = new Float32Array(blocks * along.list.length * stride);
  resampleAxis(input, blocks, stride, along, (at, sum) => {
    output[at] = sum;
  });
  return output;
}

/** The axis has `blocks` blocks before it and values that are `stride` apart. */
function resampleAxis(
  input: Uint8Array | Float32Array,
  blocks: number,
  stride: number,
  { size, list }: Windows,
  write: (at: number, sum: number) => void,
) {
  for (let block = 0; block < blocks; block++) {
    for (const [i, { first, weights }] of list.entries()) {
      const from = (block * size + first) * stride;
      const to = (block * list.length + i) * stride;
      for (let s = 0; s < stride; s++) {
        let sum = 0;
        for (let j = 0; j < weights.length; j++) sum += weights[j]! * input[from + j * stride + s]!;
        write(to + s, sum);
      }
    }
  }
}
