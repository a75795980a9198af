/** Which pictures may be trained on; the others are kept for the report. */
export type Split = 'train' | 'held-out-concept' | 'held-out-pair';

/** FNV-1a, 32 bit, over the UTF-16 code units, folded once, modulo 1000. The splits of every model follow from it: never change it. */
export function splitHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return ((hash ^ (hash >>> 13)) >>> 0) % 1000;
}

/** 3 % of the concepts are held out whole. */
const HELD_OUT_CONCEPTS = 30;
/** For 12 % of the others with at least four styles, one style is held out: a known concept in a known style, an unseen pair. */
const HELD_OUT_PAIRS = 120;
const STYLES_TO_SPARE = 4;

/**
 * The split of each style of a concept, by the hash of the concept alone, never of the picture.
 * @param concept base code point, upper-case hex with hyphens, without FE0F; for icons source name + caption.
 */
export function splitStyles(concept: string, styles: readonly string[]): Map<string, Split> {
  const split = (style: string): [string, Split] => [style, 'train'];
  if (splitHash(`full${concept}`) < HELD_OUT_CONCEPTS)
    return new Map(styles.map((style) => [style, 'held-out-concept']));
  const splits = new Map(styles.map(split));
  if (splitHash(`cs${concept}`) < HELD_OUT_PAIRS && styles.length >= STYLES_TO_SPARE) {
    splits.set([...styles].sort()[splitHash(`st${concept}`) % styles.length]!, 'held-out-pair');
  }
  return splits;
}
