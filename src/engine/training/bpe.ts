/** Byte-pair encoding as CLIP has it: bytes written as letters, `</w>` behind the last one of a word. */
export interface BytePairVocabulary {
  /** Token → id: bytes, bytes at a word's end, merges in order, start and end of text. */
  readonly vocab: ReadonlyMap<string, number>;
  readonly merges: readonly (readonly [string, string])[];
}

export const START_OF_TEXT = '<|startoftext|>';
export const END_OF_TEXT = '<|endoftext|>';
const END_OF_WORD = '</w>';
/** As CLIP splits text, after lower-casing: an English ending, letters, one digit, or other signs. */
const WORDS = /'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/gu;

/** GPT-2's writing of the 256 bytes: printable ones as themselves, the others as letters from U+0100 on. */
function byteLetters(): string[] {
  const printable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}

/** A word of the corpus, cut into tokens so far. */
interface Word {
  tokens: string[];
  readonly count: number;
}

/**
 * Learns a vocabulary of `size` tokens (Sennrich et al. 2016): again and again, the commonest pair of neighbours becomes
 * a token. Of equally common pairs the first in code point order, so that a corpus always gives the same vocabulary.
 * It is smaller where the corpus has no more pairs.
 */
export function learnBytePairs(texts: Iterable<string>, size: number): BytePairVocabulary {
  const words = readWords(texts, byteLetters());
  const merges: [string, string][] = [];
  const pairs = new PairIndex(words);
  while (merges.length < mergesOf(size)) {
    const pair = pairs.takeCommonest();
    if (!pair) break;
    merges.push(pair);
  }
  return withMerges(merges);
}

/** A vocabulary of `size` tokens learned from nothing: words of two bytes in their order, up to 256². */
export function inventBytePairs(size: number): BytePairVocabulary {
  const letters = lettersInOrder();
  const pairs = letters.flatMap((first) => letters.map((last) => [first, last + END_OF_WORD] as const));
  return withMerges(pairs.slice(0, mergesOf(size)));
}

const lettersInOrder = () => byteLetters().sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);

/** Tokens of a vocabulary that are no bytes, and neither start nor end of text. */
const mergesOf = (size: number) => size - 2 * 256 - 2;

function withMerges(merges: BytePairVocabulary['merges']): BytePairVocabulary {
  const letters = lettersInOrder();
  const tokens = [...letters, ...letters.map((letter) => letter + END_OF_WORD), ...merges.map((pair) => pair.join(''))];
  return { vocab: new Map([...tokens, START_OF_TEXT, END_OF_TEXT].map((token, id) => [token, id])), merges };
}

function readWords(texts: Iterable<string>, letters: readonly string[]): Word[] {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [word] of text.normalize('NFC').toLowerCase().matchAll(WORDS))
      counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const encoder = new TextEncoder();
  return [...counts].map(([word, count]) => {
    const tokens = Array.from(encoder.encode(word), (byte) => letters[byte]!);
    tokens[tokens.length - 1] += END_OF_WORD;
    return { tokens, count };
  });
}

/** How often each pair of neighbours occurs, and in which words. */
class PairIndex {
  readonly #counts = new Map<string, number>();
  readonly #words = new Map<string, Set<Word>>();

  constructor(words: readonly Word[]) {
    for (const word of words) this.#add(word, 1);
  }

  /** The commonest pair, merged in all words; undefined when no word has two tokens any more. */
  takeCommonest(): [string, string] | undefined {
    let best: string | undefined;
    let most = 0;
    for (const [pair, count] of this.#counts) {
      if (count > most || (count === most && best !== undefined && pair < best)) [best, most] = [pair, count];
    }
    if (best === undefined) return undefined;
    const [left, right] = best.split(' ') as [string, string];
    for (const word of [...this.#words.get(best)!]) {
      this.#add(word, -1);
      word.tokens = mergePair(word.tokens, left, right);
      this.#add(word, 1);
    }
    return [left, right];
  }

  #add(word: Word, sign: 1 | -1): void {
    for (let i = 0; i + 1 < word.tokens.length; i++) {
      const pair = `${word.tokens[i]} ${word.tokens[i + 1]}`;
      const count = (this.#counts.get(pair) ?? 0) + sign * word.count;
      const words = this.#words.get(pair) ?? new Set();
      if (sign > 0) words.add(word);
      else words.delete(word);
      if (count > 0) {
        this.#counts.set(pair, count);
        this.#words.set(pair, words);
      } else {
        this.#counts.delete(pair);
        this.#words.delete(pair);
      }
    }
  }
}

function mergePair(tokens: readonly string[], left: string, right: string): string[] {
  const merged: string[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const pair = tokens[i] === left && tokens[i + 1] === right;
    merged.push(pair ? left + right : tokens[i]!);
    if (pair) i++;
  }
  return merged;
}
