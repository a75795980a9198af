import { findAllEmoji, type Splits } from './bundled.ts';
import type { Collection, Item } from './collection.ts';
import { COLOURED, type Concept } from './concepts.ts';
import { type IconSet, readIconSet } from './iconify.ts';
import { type CodePoints, matchEmoji, matchGlyphs } from './match.ts';
import type { DataPackages } from './packages.ts';
import { SVG_SIZE } from './rasterise.ts';
import { GLYPH_SOURCES, type GlyphSource } from './sources.ts';
import { splitHash } from './split.ts';

/** What the emoji are known by. */
interface Emoji {
  readonly concepts: readonly Pick<Concept, 'id' | 'name'>[];
  readonly codePoints: CodePoints;
  readonly splits: Splits;
}

/** More drawings of the emoji's concepts: to recognise things by, and not to draw. */
export function collectGlyphs(packages: DataPackages): Collection {
  const emoji = findAllEmoji(packages);
  const items = GLYPH_SOURCES.flatMap((source) => glyphsOf(source, readIconSet(packages, source.package), emoji));
  return { total: items.length, concepts: emoji.concepts, items: () => items };
}

/**
 * Icons of a set that show concepts of emoji. Each has a colour of its own, as most have none; so concepts that a colour tells
 * apart get none. What is held out of the emoji stays so: a whole concept, and a drawing that an icon is made after.
 */
export function glyphsOf(
  { style, drawnAs = [] }: Pick<GlyphSource, 'style' | 'drawnAs'>,
  set: IconSet,
  { concepts, codePoints, splits }: Emoji,
): Item[] {
  const names = new Set(concepts.map(({ name }) => name));
  // an icon called "dog" may show its face alone, which is another concept
  const isClear = ({ name }: { readonly name: string }) => !COLOURED.test(name) && !names.has(`${name} face`);
  const shown = new Map(concepts.filter(isClear).map(({ id, name }) => [id, name]));
  const matches = drawnAs.length > 0 ? matchEmoji(set, codePoints) : matchGlyphs(set, codePoints);
  return matches.flatMap(({ code, icon }): Item[] => {
    const [name, ofStyles] = [shown.get(code), splits.get(code)];
    if (!name || drawnAs.some((like) => ofStyles?.get(like) === 'held-out-pair')) return [];
    const isHeldOut = [...(ofStyles?.values() ?? [])].includes('held-out-concept');
    const colour = `hsl(${Math.round(0.36 * splitHash(`${style} ${icon}`))}, 65%, 35%)`;
    return [
      {
        record: { concept: code, name, style, split: isHeldOut ? 'held-out-concept' : 'train' },
        load: async () => Buffer.from(set.svg(icon, SVG_SIZE, colour)),
      },
    ];
  });
}
