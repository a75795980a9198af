import { Dice } from '../../dice.ts';
import { digestOf } from '../../kept-file.ts';
import type { Concept } from '../concepts.ts';
import type { PictureRecord } from '../dataset.ts';
import type { PictureSet } from '../picture-set.ts';
import { type Composition, compose, LEAST_THINGS, thingsOf } from './compositions.ts';
import { pictureFrom } from './layers.ts';

export interface ComposedOptions {
  /** How many compositions. */
  readonly count: number;
  readonly seed: number;
  /** Those that no training sees, instead of those that it does. */
  readonly heldOut?: boolean;
}

/** Compositions; half a gigabyte. */
const KEPT = 8192;

/** A set with compositions behind its own pictures. */
class ComposedSet implements PictureSet {
  readonly plain: PictureSet;
  readonly records: readonly PictureRecord[];
  readonly concepts: ReadonlyMap<string, Concept>;
  readonly #seed: number;
  readonly #compositions: readonly Composition[];
  /** Kept once they are drawn, up to KEPT: drawing takes longer than all else that is done to a picture. */
  readonly #drawn = new Map<number, Uint8Array>();

  constructor(plain: PictureSet, seed: number, compositions: readonly Composition[]) {
    const ids = compositions.map((_, i) => `composition ${i}`);
    this.plain = plain;
    this.records = [...plain.records, ...compositions.map((composition, i) => recordOf(ids[i]!, composition))];
    this.concepts = new Map([
      ...plain.concepts,
      ...compositions.map((it, i) => [ids[i]!, conceptOf(ids[i]!, it)] as const),
    ]);
    this.#seed = seed;
    this.#compositions = compositions;
  }

  read(index: number): Uint8Array {
    const composition = this.#compositions[index - this.plain.records.length];
    if (!composition) return this.plain.read(index);
    const drawn = this.#drawn.get(index) ?? pictureFrom(composition.draw());
    if (this.#drawn.size < KEPT) this.#drawn.set(index, drawn);
    return drawn.slice();
  }

  /** Compositions follow from the plain pictures and the seed: none has to be drawn for it. */
  async digest(): Promise<string> {
    const compositions = JSON.stringify([this.#seed, this.records.slice(this.plain.records.length)]);
    return digestOf(await this.plain.digest(), compositions);
  }

  close(): void {
    this.plain.close();
  }
}

/**
 * A set with compositions of its training pictures: colours, backgrounds, stickers, several things. They follow from the
 * seed, and each is drawn when it is read.
 */
export function withCompositions(set: PictureSet, options: ComposedOptions): PictureSet {
  return new ComposedSet(set, options.seed, compositionsOf(set, options));
}

/** Compositions of a set's training pictures. */
export function compositionsOf(set: PictureSet, { count, seed, heldOut = false }: ComposedOptions): Composition[] {
  const things = thingsOf(set);
  const compositions: Composition[] = [];
  for (let i = 0; things.all.length >= LEAST_THINGS && compositions.length < count; i++) {
    const composition = compose(things, new Dice(seed, i));
    if (composition?.heldOut === heldOut) compositions.push(composition);
  }
  return compositions;
}

/** The set without its compositions: what is judged. */
export const plainSet = (set: PictureSet): PictureSet => (set instanceof ComposedSet ? set.plain : set);

/** Names of a set's concepts, each once, without its compositions. */
export const conceptNames = (set: PictureSet): string[] => [
  ...new Set([...plainSet(set).concepts.values()].map(({ name }) => name)),
];

const recordOf = (id: string, { captions, heldOut }: Composition): PictureRecord => ({
  concept: id,
  name: captions[0],
  captions: [...captions],
  style: '',
  split: heldOut ? 'held-out-pair' : 'train',
});

const conceptOf = (id: string, { captions: [name] }: Composition): Concept => ({
  id,
  name,
  keywords: [],
  synonyms: [],
  hyponyms: [],
  hypernyms: [],
});
