import type { LeaveOut } from '../collection.ts';

/** A picture of somebody's data set with what is said about it. */
export interface Sample {
  /** Its file, below the data set's folder. */
  readonly file: string;
  /** At least one; cleaned, none empty. */
  readonly captions: readonly [string, ...string[]];
  /** What it shows: pictures of one concept are never told apart. */
  readonly concept: string;
  /** What is held out together, so that nothing leaks: all pictures of a movie, a recipe, a paper. */
  readonly group: string;
  /** Where it comes from: its address where the data set gives one, otherwise its file. */
  readonly source: string;
}

export interface ReadOptions {
  readonly leaveOut: LeaveOut;
  /** A folder for temporary files, empty or not there. */
  readonly scratch: string;
  /** For data sets in several languages: the one that is wanted, as ISO 639-1 has it. */
  readonly language: string;
}

/** Reads one published layout of pictures with captions. Nothing is ever downloaded. */
export interface Loader {
  readonly name: string;
  readonly title: string;
  /** What a folder of this kind holds, for messages. */
  readonly layout: string;
  /** Names ("banana bread") make captions such as "a picture of banana bread"; sentences are taken as they are. */
  readonly captionsAre: 'names' | 'sentences';
  /** What must be kept with the data and with weights that learned from it, as Markdown; undefined for one's own pictures. */
  readonly licence?: string;
  recognises(dir: string): boolean;
  /**
   * How many of its pictures are below the folder, where that can be told before they are read.
   * @throws InputError as `read` does
   */
  count?(dir: string): Promise<number>;
  /**
   * The pictures one after another; what is broken is left out.
   * @throws InputError when the folder lacks a part, or a file as a whole cannot be read
   */
  read(dir: string, options: ReadOptions): AsyncGenerator<Sample>;
}
