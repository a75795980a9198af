import type { Parameter } from '../runtime/known-networks.ts';
import type { StreamedTensor } from '../weights/safetensors.ts';

/** Values made at a time: 4 MiB. */
const CHUNK = 2 ** 20;

/**
 * Random values as torch starts a layer: weights uniform in ±1/√(fan in), so that what flows through keeps its size;
 * norms 1, biases and means 0.
 * @param seed  not 0
 */
export function randomTensor({ name, shape }: Parameter, seed: number): StreamedTensor {
  const size = shape.reduce((a, b) => a * b, 1);
  if (shape.length === 1 || name === 'clip_mean' || name === 'clip_std') {
    const value = name.endsWith('weight') || name === 'clip_std' ? 1 : 0;
    return { shape, chunks: () => [new Float32Array(size).fill(value)] };
  }
  const fanIn = shape.slice(1).reduce((a, b) => a * b, 1);
  return { shape, chunks: () => uniform(size, 1 / Math.sqrt(fanIn), seed) };
}

/** Uniform in ±bound, of Marsaglia's xorshift (2003): billions are needed, and their quality doesn't matter. */
function* uniform(size: number, bound: number, seed: number): Generator<Float32Array> {
  const unit = bound * 2 ** -31;
  let x = seed;
  for (let left = size; left > 0; left -= CHUNK) {
    const values = new Float32Array(Math.min(left, CHUNK));
    for (let i = 0; i < values.length; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      values[i] = x * unit;
    }
    yield values;
  }
}
