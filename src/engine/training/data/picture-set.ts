import type { Concept } from './concepts.ts';
import type { PictureRecord } from './dataset.ts';

/** Pictures with captions, to learn from. */
export interface PictureSet {
  readonly records: readonly PictureRecord[];
  /** By their ids. */
  readonly concepts: ReadonlyMap<string, Concept>;
  /** Picture `index` as 128 × 128 RGBA bytes, colour as composed on white. */
  read(index: number): Uint8Array;
  /** SHA-256, in hex, of all pixels and records: what is computed of the pictures can be kept under it. */
  digest(): Promise<string>;
  close(): void;
}
