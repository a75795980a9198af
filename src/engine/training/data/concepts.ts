import type { DataPackages } from './packages.ts';
import { findSenses, type WordNet } from './wordnet.ts';

/** Something that a picture can show. */
export interface Concept {
  /** Base code point, upper-case hex with hyphens, without FE0F; for icons source name + caption. */
  readonly id: string;
  readonly name: string;
  readonly keywords: readonly string[];
  /** Other words for the same thing. */
  readonly synonyms: readonly string[];
  /** Words for kinds of it: spaniel for dog. */
  readonly hyponyms: readonly string[];
  /** Words for what it is a kind of: canine for dog. */
  readonly hypernyms: readonly string[];
}

/** A concept of Unicode's emoji, with the skin tones that a person has. */
export interface EmojiConcept extends Concept {
  /** Tone 1 (light), 3 (medium), 5 (dark) → code point and name. */
  readonly tones: ReadonlyMap<number, { readonly id: string; readonly name: string }>;
}

interface EmojibaseEntry {
  label: string;
  hexcode: string;
  emoji: string;
  tags?: string[];
  group?: number;
  subgroup?: number;
  skins?: { label: string; hexcode: string; tone: number | number[] }[];
}

/** Names of things that another colour would make other things. */
export const COLOURED =
  /\b(red|orange|yellow|green|blue|purple|brown|black|white|pink|gr[ae]y|silver|gold|golden|blond|rainbow)\b/;

/** Signs, letters and flags: captions say little about what they look like. */
const DROPPED_SUBGROUPS = new Set([
  'family',
  'keycap',
  'alphanum',
  'arrow',
  'av-symbol',
  'hair-style',
  'skin-tone',
  'gender',
  'flag',
  'country-flag',
  'subdivision-flag',
]);
const DROPPED_NAMES = /\bbutton\b|o[’']clock$|-thirty$|^regional indicator/;
const TONES = [1, 3, 5];

export const withoutSelector = (hexcode: string) => hexcode.toUpperCase().replaceAll('-FE0F', '');

/** The emoji concepts in Unicode's order. */
export function readEmojiConcepts(packages: DataPackages, wordNet: WordNet): EmojiConcept[] {
  const entries = packages.json<EmojibaseEntry[]>('emojibase-data', 'en', 'data.json');
  const groups = packages.json<{ groups: Record<string, string>; subgroups: Record<string, string> }>(
    'emojibase-data',
    'meta',
    'groups.json',
  );
  const keywords = readKeywords(packages);
  const names = new Set(entries.map((entry) => entry.label.toLowerCase()));
  return entries
    .filter(
      (e) =>
        e.subgroup !== undefined &&
        !DROPPED_SUBGROUPS.has(groups.subgroups[e.subgroup]!) &&
        !DROPPED_NAMES.test(e.label),
    )
    .map((entry) => {
      const name = entry.label.toLowerCase();
      const senses = findSenses(wordNet, name, groups.groups[entry.group!]!, names);
      return {
        id: withoutSelector(entry.hexcode),
        name,
        keywords: cleanKeywords([...(entry.tags ?? []), ...keywords(entry.emoji)], name),
        ...senses,
        tones: readTones(entry),
      };
    });
}

function readTones(entry: EmojibaseEntry): EmojiConcept['tones'] {
  const single = (entry.skins ?? []).filter((skin) => typeof skin.tone === 'number' && TONES.includes(skin.tone));
  return new Map(
    single.map((skin) => [skin.tone as number, { id: withoutSelector(skin.hexcode), name: skin.label.toLowerCase() }]),
  );
}

interface CldrAnnotations {
  annotations: { annotations: Record<string, { default?: string[] }> };
}

function readKeywords(packages: DataPackages): (emoji: string) => string[] {
  const cldr = packages.json<CldrAnnotations>('cldr-annotations-full', 'annotations', 'en', 'annotations.json')
    .annotations.annotations;
  const emojilib = packages.json<Record<string, string[]>>('emojilib', 'dist', 'emoji-en-US.json');
  return (emoji) => {
    const plain = emoji.replaceAll('\uFE0F', '');
    return [...(cldr[plain]?.default ?? []), ...(emojilib[emoji] ?? emojilib[plain] ?? [])];
  };
}

/** Lower case, words only (no ":D"), each once, without the name itself. */
function cleanKeywords(keywords: readonly string[], name: string): string[] {
  const clean = keywords.map((keyword) => keyword.toLowerCase().replaceAll('_', ' ').trim());
  return [...new Set(clean)].filter((keyword) => keyword !== name && /^[a-z][a-z' -]+$/.test(keyword));
}
