import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { groupBy } from '../../group-by.ts';
import type { Collection, Item } from './collection.ts';
import { type Concept, type EmojiConcept, readEmojiConcepts, withoutSelector } from './concepts.ts';
import type { PictureRecord } from './dataset.ts';
import { type IconSet, readIconSet } from './iconify.ts';
import { type CodePoints, captionIcons, matchEmoji, readCodePoints } from './match.ts';
import type { DataPackages } from './packages.ts';
import { SVG_SIZE } from './rasterise.ts';
import { PICTURE_SOURCES, type PictureSource } from './sources.ts';
import { splitStyles } from './split.ts';
import { readWordNet } from './wordnet.ts';

/** A picture of a source, by the code point or caption that it shows. */
interface Found {
  readonly key: string;
  load(): Promise<Buffer>;
}

export interface BundledOptions {
  readonly styles: readonly string[];
  /** Also persons with light, medium and dark skin. */
  readonly skinTones: boolean;
}

/** The pictures of the bundled model: emoji and icons out of npm packages, with their concepts and splits. */
export function collectBundled(packages: DataPackages, { styles, skinTones }: BundledOptions): Collection {
  const { concepts, found, splits } = findAllEmoji(packages);
  const items = EMOJI.filter((source) => styles.includes(source.style)).flatMap(({ style }) =>
    emojiItems(style, found.get(style)!, concepts, splits, skinTones),
  );
  const icons = PICTURE_SOURCES.filter((source) => source.kind === 'icon' && styles.includes(source.style)).map(
    (source) => collectIcons(source, packages),
  );
  const all = [...items, ...icons.flatMap((c) => c.items)];
  return {
    total: all.length,
    concepts: [...concepts, ...icons.flatMap((c) => c.concepts)],
    items: () => all,
  };
}

const EMOJI = PICTURE_SOURCES.filter((source) => source.kind === 'emoji');

/** The emoji of all styles: splits must not depend on which are asked for. */
export function findAllEmoji(packages: DataPackages) {
  const concepts = readEmojiConcepts(packages, readWordNet(packages));
  const codePoints = readCodePoints(concepts, packages, namedSets(packages));
  const found = new Map(EMOJI.map((source) => [source.style, findEmoji(source, packages, codePoints)]));
  const splits = new Map(
    concepts.map(({ id }) => [
      id,
      splitStyles(
        id,
        EMOJI.map((s) => s.style).filter((style) => found.get(style)!.some((f) => f.key === id)),
      ),
    ]),
  );
  return { concepts, codePoints, found, splits };
}

/** The icon sets that say which code points their pictures have. */
function namedSets(packages: DataPackages): IconSet[] {
  const sets = PICTURE_SOURCES.filter((source) => source.package.startsWith('@iconify-json/')).map((source) =>
    readIconSet(packages, source.package),
  );
  return sets.filter((set) => set.chars.size > 0);
}

function findEmoji(source: PictureSource, packages: DataPackages, codePoints: CodePoints): Found[] {
  if (source.style === 'fluent 3d') return findFluent3d(source, packages, codePoints);
  const set = readIconSet(packages, source.package);
  return matchEmoji(set, codePoints).map(({ code, icon }) => ({
    key: code,
    load: async () => Buffer.from(set.svg(icon, SVG_SIZE)),
  }));
}

/** WebP files named by code point; the package also holds pictures of others, which Microsoft's own set does not have. */
function findFluent3d(source: PictureSource, packages: DataPackages, codePoints: CodePoints): Found[] {
  const own = new Set(
    matchEmoji(readIconSet(packages, '@iconify-json/fluent-emoji'), codePoints).map(({ code }) => code),
  );
  return readdirSync(packages.path(source.package, 'assets'))
    .sort()
    .map((file) => ({
      key: withoutSelector(file.replace(/\.webp$/, '')),
      load: () => readFile(packages.path(source.package, 'assets', file)),
    }))
    .filter(({ key }) => own.has(key));
}

function emojiItems(
  style: string,
  found: readonly Found[],
  concepts: readonly EmojiConcept[],
  splits: Splits,
  skinTones: boolean,
): Item[] {
  const byKey = groupBy(found, ({ key }) => key);
  return concepts.flatMap(({ id, name, tones }) => {
    const split = splits.get(id)?.get(style) ?? 'train';
    const shown = [{ id, name }, ...(skinTones ? tones.values() : [])];
    return shown.flatMap((it) =>
      (byKey.get(it.id) ?? []).map(({ load }) => ({ record: { concept: id, name: it.name, style, split }, load })),
    );
  });
}

/** By concept and style. */
export type Splits = ReadonlyMap<string, ReadonlyMap<string, PictureRecord['split']>>;

function collectIcons(
  { style, package: name }: PictureSource,
  packages: DataPackages,
): { items: Item[]; concepts: Concept[] } {
  const set = readIconSet(packages, name);
  const icons = captionIcons(set).map(({ caption, icon }) => ({
    id: `${name.replace('@iconify-json/', '')} ${caption}`,
    caption,
    icon,
  }));
  return {
    concepts: icons.map(({ id, caption }) => ({
      id,
      name: caption,
      keywords: [],
      synonyms: [],
      hyponyms: [],
      hypernyms: [],
    })),
    items: icons.map(({ id, caption, icon }) => ({
      record: { concept: id, name: caption, style, split: splitStyles(id, [style]).get(style)! },
      load: async () => Buffer.from(set.svg(icon, SVG_SIZE)),
    })),
  };
}
