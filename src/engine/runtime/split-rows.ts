import { concatRows, type Tensor } from '../tensor.ts';
import type { Inputs, IntegerTensor, Outputs } from './onnx-session.ts';

/**
 * Inputs in up to `parts` parts of nearly as many rows each: the networks treat each row by itself.
 * @returns one part where there is only one row, or the inputs don't agree in how many there are
 */
export function splitRows(inputs: Inputs, parts: number): Inputs[] {
  const counts = new Set(Object.values(inputs).map(({ shape }) => shape[0]));
  const [rows = 1] = counts;
  if (counts.size !== 1 || rows < 2) return [inputs];
  const used = Math.min(parts, rows);
  return Array.from({ length: used }, (_, i) => {
    const [from, to] = [Math.round((i * rows) / used), Math.round(((i + 1) * rows) / used)];
    return Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, sliceRows(x, from, to)]));
  });
}

export function joinRows(parts: readonly Outputs[]): Outputs {
  const [first] = parts as [Outputs, ...Outputs[]];
  if (parts.length === 1) return first;
  return Object.fromEntries(Object.keys(first).map((name) => [name, concatRows(parts.map((part) => part[name]!))]));
}

/** A copy: another thread is given all of the memory that a view is of. */
function sliceRows({ data, shape }: Tensor | IntegerTensor, from: number, to: number): Tensor | IntegerTensor {
  const [rows, ...rest] = shape as [number, ...number[]];
  const width = data.length / rows;
  return { data: data.slice(from * width, to * width), shape: [to - from, ...rest] } as Tensor | IntegerTensor;
}
