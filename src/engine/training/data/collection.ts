import type { Picture } from '../../images/picture.ts';
import type { Concept } from './concepts.ts';
import type { PictureRecord } from './dataset.ts';

/** Counts something that a data set leaves out: why, and where it was. */
export type LeaveOut = (reason: string, where: string) => void;

/** A picture before it is drawn. */
export interface Item {
  readonly record: PictureRecord;
  /** A decoded picture, or a file that sharp reads. */
  load(): Promise<Picture | Buffer>;
  /** Tells a file from what was there before under its name; absent where nobody can change it, undefined where none is. */
  stamp?(): Promise<string | undefined>;
}

/** What a data set is built from. */
export interface Collection {
  /** How many items there are, where that is known before they are read. */
  readonly total?: number;
  /** Concepts that have more words than their name; the others are called as their first picture. */
  readonly concepts: readonly Concept[];
  /** The same in the same order at every call, so that a stopped build can go on. */
  items(leaveOut: LeaveOut): Iterable<Item> | AsyncIterable<Item>;
}
