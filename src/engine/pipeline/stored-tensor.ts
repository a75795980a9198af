import type { StoredTensor } from '../../recipe.ts';
import { type Tensor, tensor } from '../tensor.ts';

/** How recipes hold numbers: float32, little endian, base64. */
export function encodeFloats(values: Float32Array): string {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeFloatLE(value, i * 4);
  return bytes.toString('base64');
}

export function decodeFloats(text: string): Float32Array {
  const bytes = Buffer.from(text, 'base64');
  return Float32Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) => bytes.readFloatLE(i * 4));
}

/** @param x  (1, C, h, w) */
export function encodeTensor({ data, shape }: Tensor): StoredTensor {
  return { shape: shape as StoredTensor['shape'], float32: encodeFloats(data) };
}

/** @throws RangeError unless there are as many numbers as the shape says */
export function decodeTensor({ shape, float32 }: StoredTensor): Tensor {
  return tensor(decodeFloats(float32), shape);
}
