import { type EmojiConcept, withoutSelector } from './concepts.ts';
import type { IconSet } from './iconify.ts';
import type { DataPackages } from './packages.ts';

/** Code points by the names that sets of pictures give them. */
export type CodePoints = ReadonlyMap<string, string>;

/** "Grinning Face" → "grinning-face": lower case, accents and punctuation off, spaces to hyphens. */
export function slug(name: string): string {
  const letters = name
    .toLowerCase()
    .normalize('NFD')
    .replace(/\p{Mark}/gu, '');
  return letters
    .replace(/[^a-z0-9 _-]/g, '')
    .trim()
    .replace(/[ _-]+/g, '-');
}

const withoutHyphens = (name: string) => name.replaceAll('-', '');

interface DatasourceEntry {
  name: string;
  unified: string;
  short_names: string[];
}

/**
 * Slugs of the names by Unicode (emojibase), then of older names (emoji-datasource), then of the names in the icon sets
 * that say their code points; each also without hyphens.
 */
export function readCodePoints(
  concepts: readonly EmojiConcept[],
  packages: DataPackages,
  named: readonly IconSet[],
): CodePoints {
  const codes = new Map<string, string>();
  const add = (name: string, code: string) => {
    for (const key of [slug(name), withoutHyphens(slug(name))]) if (!codes.has(key)) codes.set(key, code);
  };
  for (const { name, id, tones } of concepts) {
    add(name, id);
    for (const tone of tones.values()) add(tone.name, tone.id);
  }
  const datasource = packages.json<DatasourceEntry[]>('emoji-datasource', 'emoji.json');
  for (const { name, unified } of datasource) add(name, withoutSelector(unified));
  for (const { short_names, unified } of datasource)
    for (const name of short_names) add(name, withoutSelector(unified));
  for (const set of named) for (const [code, name] of set.chars) add(name, withoutSelector(code));
  return codes;
}

/** Which icon shows which code point; several where the set has variants of one ("woman-2"). */
export function matchEmoji(set: IconSet, codePoints: CodePoints): { code: string; icon: string }[] {
  if (set.chars.size > 0) {
    const known = new Set(set.names);
    const matches = [...set.chars].map(([code, name]) => ({
      code: withoutSelector(code),
      icon: set.aliases.get(name) ?? name,
    }));
    return matches.filter(({ icon }) => known.has(icon));
  }
  const code = (name: string) => codePoints.get(name) ?? codePoints.get(name.replace(/-\d+$/, ''));
  const own = set.names.flatMap((icon) => (code(icon) ? [{ code: code(icon)!, icon }] : []));
  const matched = new Set(own.map(({ icon }) => icon));
  const byAlias = [...set.aliases].filter(([alias, icon]) => codePoints.has(alias) && !matched.has(icon));
  return [...own, ...byAlias.map(([alias, icon]) => ({ code: codePoints.get(alias)!, icon }))];
}

/** What names of icons end in, besides what they show: the way it is drawn, or that it is another one. */
const MANNER =
  /(-(line|linear|outline|outlined|light|thin|regular|fill|filled|solid|bold|duotone|rounded|sharp|broken|\d+))+$/;
const FILLED = /-(fill|filled|solid|bold|duotone)\b/;

/** Older names of emoji that mean something else to who draws icons: a crescent is no "waxing gibbous moon". */
const AMBIGUOUS = new Set(
  (
    '1 o v bath book bow cake chart compression dollar euro football fried-egg golf hourglass lightning loop mask moon ' +
    'office pound scooter smile sound speaker stars wave yen'
  ).split(' '),
);

/** Which icon shows which code point, by name: of each one that is filled and one that isn't, where there are both. */
export function matchGlyphs(set: IconSet, codePoints: CodePoints): { code: string; icon: string }[] {
  const found = new Map<string, { code: string; icon: string }>();
  for (const icon of set.names) {
    const name = codePoints.has(icon) ? icon : icon.replace(MANNER, '');
    const code = codePoints.get(name);
    if (!code || AMBIGUOUS.has(name)) continue;
    const key = `${code} ${FILLED.test(icon)}`;
    if (!found.has(key)) found.set(key, { code, icon });
  }
  return [...found.values()];
}

const BRANDS = /\blogo\b|^(google|reddit|linux|stumbleupon|android-os)$/;

/** The icons of a set and what they show; of several sizes ("add-circle-16") the largest; no brands. */
export function captionIcons(set: IconSet): { caption: string; icon: string }[] {
  const largest = new Map<string, { icon: string; size: number }>();
  for (const icon of set.names) {
    const size = Number(/-(\d+)$/.exec(icon)?.[1] ?? 0);
    const caption = icon
      .replace(/(-\d+)+$/, '')
      .replace(/-bold$/, '')
      .replaceAll('-', ' ');
    if (!BRANDS.test(icon) && size >= (largest.get(caption)?.size ?? 0)) largest.set(caption, { icon, size });
  }
  return [...largest].map(([caption, { icon }]) => ({ caption, icon }));
}
