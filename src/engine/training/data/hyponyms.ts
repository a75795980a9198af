import type { Concept } from './concepts.ts';
import { isHeldOutHyponym } from './wordnet.ts';

/**
 * Words for kinds of a concept that no caption holds, and the names of their concepts. Only of concepts whose name is one
 * word (or "… face"): of longer ones the last word may have been looked up, and a kind of volume is no kind of "speaker
 * high volume".
 * @param known names of the concepts that are asked for
 */
export function uncaptionedHyponyms(
  concepts: Iterable<Concept>,
  known: ReadonlySet<string>,
): ReadonlyMap<string, readonly string[]> {
  const all = [...concepts];
  const captioned = captionWords(all);
  const found = new Map<string, string[]>();
  for (const { name, hyponyms } of all) {
    if (!known.has(name) || /\s/.test(name.replace(/ face$/, ''))) continue;
    for (const word of hyponyms.filter((word) => !captioned.has(word))) {
      found.set(word, [...(found.get(word) ?? []), name]);
    }
  }
  return found;
}

/** All that captions are made of. */
function captionWords(concepts: readonly Concept[]): Set<string> {
  return new Set(
    concepts.flatMap(({ name, keywords, synonyms, hyponyms, hypernyms }) => [
      ...[name, ...keywords, ...synonyms, ...hypernyms],
      ...hyponyms.filter((word) => !isHeldOutHyponym(word)),
    ]),
  );
}
