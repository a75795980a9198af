import { open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { InputError } from '../../errors.ts';
import { groupBy } from '../group-by.ts';
import { floatFromBfloat16, floatFromFloat16 } from './half.ts';
import { type Dtype, shortPath, type TensorEntry } from './safetensors.ts';

/** A weight that is NaN or infinite: whatever it touches would be too. */
export class NonFiniteWeightError extends InputError {
  override name = 'NonFiniteWeightError';
}

/** Bytes read at a time: of gigabytes of weights only this much is held. */
const CHUNK = 2 ** 22;

/**
 * Reads weights once to see that they are numbers; from then on the system has the file at hand.
 * @throws NonFiniteWeightError naming the tensor
 */
export async function expectFinite(entries: readonly TensorEntry[]): Promise<void> {
  const buffer = new ArrayBuffer(CHUNK);
  for (const [path, inFile] of groupBy(entries, ({ path }) => path)) {
    const file = await open(path);
    try {
      for (const entry of inFile) {
        for (let from = 0; from < entry.length; from += CHUNK) {
          const length = Math.min(CHUNK, entry.length - from);
          await file.read(new Uint8Array(buffer, 0, length), 0, length, entry.offset + from);
          const found = firstNonFinite(buffer, length, entry.dtype);
          if (found !== undefined) throw new NonFiniteWeightError(describe(entry, found));
        }
      }
    } finally {
      await file.close();
    }
  }
}

const describe = ({ name, path }: TensorEntry, found: number) =>
  `${basename(dirname(path))}/${name}: expected finite numbers, found ${found} in ${shortPath(path)}`;

/** An exponent of ones only means NaN or infinity. */
function firstNonFinite(buffer: ArrayBuffer, length: number, dtype: Dtype): number | undefined {
  switch (dtype) {
    case 'F32': {
      const at = findExponent(new Uint32Array(buffer, 0, length / 4), 0x7f800000);
      return at < 0 ? undefined : new Float32Array(buffer)[at];
    }
    case 'F16': {
      const words = new Uint16Array(buffer, 0, length / 2);
      const at = findExponent(words, 0x7c00);
      return at < 0 ? undefined : floatFromFloat16(words[at]!);
    }
    case 'BF16': {
      const words = new Uint16Array(buffer, 0, length / 2);
      const at = findExponent(words, 0x7f80);
      return at < 0 ? undefined : floatFromBfloat16(words[at]!);
    }
    default:
      return undefined;
  }
}

function findExponent(words: Uint32Array | Uint16Array, ones: number): number {
  for (let i = 0; i < words.length; i++) if ((words[i]! & ones) === ones) return i;
  return -1;
}
