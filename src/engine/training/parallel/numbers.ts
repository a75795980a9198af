import { closeSync, openSync, readSync } from 'node:fs';

/**
 * Reads a file of float32 numbers into an array of as many. Every step of a training exchanges tens of megabytes: arrays that
 * are made anew for them would have the garbage collector go through all of memory at each.
 */
export function readNumbers(path: string, numbers: Float32Array): void {
  const file = openSync(path, 'r');
  try {
    const read = readSync(file, numbers, 0, numbers.byteLength, 0);
    if (read !== numbers.byteLength) throw new RangeError(`${path} holds ${read} bytes, not ${numbers.byteLength}`);
  } finally {
    closeSync(file);
  }
}
