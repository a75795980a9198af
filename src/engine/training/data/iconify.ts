import type { DataPackages } from './packages.ts';

interface IconifyIcon {
  body: string;
  left?: number;
  top?: number;
  width?: number;
  height?: number;
}

interface IconifyJson extends Omit<IconifyIcon, 'body'> {
  icons: Record<string, IconifyIcon>;
  aliases?: Record<string, { parent: string; hFlip?: boolean }>;
}

/** An icon set of Iconify: SVG bodies by name, and for emoji the name of each code point. */
export interface IconSet {
  readonly names: readonly string[];
  /** Other name → the icon's own name, where both show the same. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Code point, lower-case hex with hyphens → name or other name; empty in sets that do not say. */
  readonly chars: ReadonlyMap<string, string>;
  /**
   * The picture as a document that fills a square of `size` pixels, its proportions kept.
   * @param colour of what has none of its own; black when absent
   */
  svg(name: string, size: number, colour?: string): string;
}

export function readIconSet(packages: DataPackages, name: string): IconSet {
  const set = packages.json<IconifyJson>(name, 'icons.json');
  const chars = packages.has(name, 'chars.json') ? packages.json<Record<string, string>>(name, 'chars.json') : {};
  const aliases = Object.entries(set.aliases ?? {}).filter(([, alias]) => !alias.hFlip && set.icons[alias.parent]);
  return {
    names: Object.keys(set.icons),
    aliases: new Map(aliases.map(([alias, { parent }]) => [alias, parent])),
    chars: new Map(Object.entries(chars)),
    svg(icon, size, colour = '#000') {
      const { body, left, top, width, height } = {
        left: 0,
        top: 0,
        width: 16,
        height: 16,
        ...set,
        ...set.icons[icon]!,
      };
      return (
        `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${size}" height="${size}" ` +
        `color="${colour}" viewBox="${left} ${top} ${width} ${height}">${body}</svg>`
      );
    },
  };
}
