import type { Dice } from '../dice.ts';
import type { Patches } from './clip-encoders.ts';

const KEPT = 0.5;
const WHOLE_FROM = 0.85;

/** Of each picture's patches, the share that an encoder sees in training: half, and all in the last part of the planned steps. */
export const shareOfPatches = (step: number, horizon: number): number => (step < WHOLE_FROM * horizon ? KEPT : 1);

/**
 * A random choice of the patches of each picture (FLIP, Li et al. 2023): an encoder that sees half of a picture costs half,
 * and learns to tell it by more than one of its parts.
 * @param pictures size × size RGB each, rows first, channels last
 * @param share of the patches that are kept
 */
export function choosePatches(
  pictures: readonly Float32Array[],
  { size, patch }: { readonly size: number; readonly patch: number },
  share: number,
  dice: Dice,
): Patches {
  const side = Math.floor(size / patch);
  const count = Math.max(1, Math.round(share * side * side));
  const all = [...Array(side * side).keys()];
  const area = patch * patch * 3;
  const pixels = new Float32Array(pictures.length * count * area);
  const indices = new Int32Array(pictures.length * count);
  for (const [b, picture] of pictures.entries()) {
    for (const [k, index] of dice.some(all, count).entries()) {
      const at = b * count + k;
      indices[at] = index;
      const [top, left] = [Math.floor(index / side) * patch, (index % side) * patch];
      for (let y = 0; y < patch; y++) {
        const from = ((top + y) * size + left) * 3;
        pixels.set(picture.subarray(from, from + patch * 3), at * area + y * patch * 3);
      }
    }
  }
  return { pixels, indices, count };
}
