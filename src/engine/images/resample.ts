/** Three bytes a pixel, rows from the top. */
export interface Rgb {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
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

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/**
 * Resizes as Pillow does: each output pixel is Σ w·input, w the kernel stretched by the factor of reduction
 * (antialiasing); rows first, rounded to bytes, then columns.
 * Own code: sharp's cubic kernel differs by tens of 255 levels at edges, and CLIP learned from Pillow's pictures.
 */
export function resample(picture: Rgb, width: number, height: number, filter: Resampling): Rgb {
  return resampleColumns(resampleRows(picture, width, KERNELS[filter]), height, KERNELS[filter]);
}

function resampleRows({ data, width, height }: Rgb, newWidth: number, kernel: Kernel): Rgb {
  if (newWidth === width) return { data, width, height };
  const output = new Uint8Array(newWidth * height * 3);
  for (const [x, { first, weights }] of windows(width, newWidth, kernel).entries()) {
    for (let y = 0; y < height; y++) {
      convolve(data, (y * width + first) * 3, 3, weights, output, (y * newWidth + x) * 3);
    }
  }
  return { data: output, width: newWidth, height };
}

function resampleColumns({ data, width, height }: Rgb, newHeight: number, kernel: Kernel): Rgb {
  if (newHeight === height) return { data, width, height };
  const output = new Uint8Array(width * newHeight * 3);
  for (const [y, { first, weights }] of windows(height, newHeight, kernel).entries()) {
    for (let x = 0; x < width; x++) {
      convolve(data, (first * width + x) * 3, width * 3, weights, output, (y * width + x) * 3);
    }
  }
  return { data: output, width, height: newHeight };
}

/** Weights are whole multiples of 2^−22. */
const UNIT = 2 ** 22;

function convolve(
  input: Uint8Array,
  from: number,
  stride: number,
  weights: Float64Array,
  output: Uint8Array,
  to: number,
) {
  for (let channel = 0; channel < 3; channel++) {
    let sum = UNIT / 2;
    for (let i = 0; i < weights.length; i++) sum += weights[i]! * input[from + channel + i * stride]!;
    output[to + channel] = Math.min(Math.max(Math.floor(sum / UNIT), 0), 255);
  }
}

/** For each output pixel the input pixels that it's made of. */
function windows(size: number, newSize: number, { support, weight }: Kernel) {
  const scale = size / newSize;
  const stretch = Math.max(scale, 1);
  return Array.from({ length: newSize }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support * stretch + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support * stretch + 0.5), size);
    const values = Float64Array.from({ length: end - first }, (_, j) =>
      weight(Math.abs((first + j - centre + 0.5) / stretch)),
    );
    const sum = values.reduce((a, b) => a + b, 0);
    return { first, weights: values.map((value) => Math.sign(value) * Math.floor(Math.abs(value / sum) * UNIT + 0.5)) };
  });
}
