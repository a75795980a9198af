import type { Picture } from '../../images/picture.ts';
import { plainSet } from '../data/compose/composed-set.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { PICTURE_SIZE } from '../data/rasterise.ts';
import type { Dice } from '../dice.ts';

type HeldOut = 'held-out-concept' | 'held-out-pair';

/** Numbers of the pictures of a split. */
export function indicesOf(dataset: PictureSet, split: 'train' | HeldOut): number[] {
  return dataset.records.flatMap((record, index) => (record.split === split ? [index] : []));
}

/** How often a composition is drawn at most, however many there are: most of what people ask for is one thing. */
const COMPOSED = 0.4;

/** @returns a training picture at every call, each as often as any other but for a set of mostly compositions */
export function trainingPictures(
  dataset: PictureSet,
  isUsable: (index: number) => boolean = () => true,
): (dice: Dice) => number {
  const all = indicesOf(dataset, 'train').filter(isUsable);
  const plainCount = plainSet(dataset).records.length;
  const [plain, composed] = [all.filter((index) => index < plainCount), all.filter((index) => index >= plainCount)];
  if (composed.length <= COMPOSED * all.length) return (dice) => dice.pick(all);
  return (dice) => dice.pick(dice.chance(COMPOSED) ? composed : plain);
}

/** Pictures that a network is judged by. */
export interface Judged {
  readonly indices: readonly number[];
  /** Names of figures, and whether they were measured on pictures that were held out: `heldOutLoss` or `trainLoss`. */
  name(figures: Readonly<Record<string, number>>): Record<string, number>;
}

/**
 * Up to `count` pictures to judge a network by: held out, of this split if there are any, else of the other one; of training
 * where the data set is too small to hold any out.
 * @param isUsable  only such pictures, of which some are to train on
 */
export function judgedPictures(
  dataset: PictureSet,
  split: HeldOut,
  count: number,
  isUsable: (index: number) => boolean = () => true,
): Judged {
  const other = split === 'held-out-pair' ? 'held-out-concept' : 'held-out-pair';
  for (const from of [split, other, 'train'] as const) {
    const indices = evenly(indicesOf(dataset, from).filter(isUsable), count);
    if (indices.length === 0) continue;
    const prefix = from === 'train' ? 'train' : 'heldOut';
    const named = (name: string) => prefix + name.charAt(0).toUpperCase() + name.slice(1);
    return { indices, name: (figures) => Object.fromEntries(Object.entries(figures).map(([n, x]) => [named(n), x])) };
  }
  throw new RangeError('no picture to judge a network by');
}

/** `count` of a list, at even distances. */
export function evenly<T>(list: readonly T[], count: number): T[] {
  const shown = Math.min(count, list.length);
  return Array.from({ length: shown }, (_, i) => list[Math.floor((i * list.length) / shown)]!);
}

/** A picture of a data set, 128 × 128 RGBA bytes composed on white, as it looks there. */
export function onWhite(rgba: Uint8Array): Picture {
  const data = rgba.map((value, i) => (i % 4 === 3 ? 255 : value));
  return { data, width: PICTURE_SIZE, height: PICTURE_SIZE };
}

/** Bytes → [−1, 1]. */
export function toUnit(bytes: Uint8Array, into: Float32Array): void {
  for (let i = 0; i < bytes.length; i++) into[i] = bytes[i]! / 127.5 - 1;
}

/** [−1, 1] → bytes, clamped. */
export function toBytes(values: Float32Array): Uint8Array {
  return Uint8Array.from(values, (value) => Math.max(0, Math.min(255, Math.round((value + 1) * 127.5))));
}

/** Rows of one length, one after another. */
export function concatenated(rows: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(rows.length * (rows[0]?.length ?? 0));
  for (const [i, row] of rows.entries()) all.set(row, i * row.length);
  return all;
}

/** A square of a picture, mirrored half of the time. */
export function randomCrop(picture: Uint8Array, size: number, dice: Dice): Uint8Array {
  const left = dice.below(PICTURE_SIZE - size + 1);
  const top = dice.below(PICTURE_SIZE - size + 1);
  const mirrored = dice.chance(0.5);
  const pixels = new Uint32Array(picture.buffer, picture.byteOffset, picture.length / 4);
  const crop = new Uint32Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      crop[y * size + x] = pixels[(top + y) * PICTURE_SIZE + left + (mirrored ? size - 1 - x : x)]!;
    }
  }
  return new Uint8Array(crop.buffer);
}

/** Puts a picture, which is composed on white, on another colour; then nothing of it is transparent. In place. */
export function paintBackground(picture: Uint8Array, colour: readonly [number, number, number]): void {
  for (let i = 0; i < picture.length; i += 4) {
    const behind = 1 - picture[i + 3]! / 255;
    for (let c = 0; c < 3; c++) picture[i + c] = Math.round(picture[i + c]! + (colour[c]! - 255) * behind);
    picture[i + 3] = 255;
  }
}
