import { expect, test } from 'vitest';
import type { IconSet } from '../../src/engine/training/data/iconify.ts';
import { captionIcons, matchEmoji, matchGlyphs, slug } from '../../src/engine/training/data/match.ts';

const set = (names: string[], chars: Record<string, string> = {}, aliases: Record<string, string> = {}): IconSet => ({
  names,
  chars: new Map(Object.entries(chars)),
  aliases: new Map(Object.entries(aliases)),
  svg: () => '',
});

test.each([
  ['Grinning Face', 'grinning-face'],
  ['piñata', 'pinata'],
  ['Mrs. Claus', 'mrs-claus'],
  ['couple_with_heart', 'couple-with-heart'],
])('slug of %s', (name, expected) => {
  expect(slug(name)).toBe(expected);
});

test('a set that says its code points is taken at its word, through other names too', () => {
  const icons = set(
    ['red-heart', 'person'],
    { '2764-fe0f': 'red-heart', '1f9d1': 'adult', '1f600': 'gone' },
    { adult: 'person' },
  );
  expect(matchEmoji(icons, new Map())).toEqual([
    { code: '2764', icon: 'red-heart' },
    { code: '1F9D1', icon: 'person' },
  ]);
});

test('other sets are matched by name; numbered variants show the same', () => {
  const codes = new Map([
    ['peach', '1F351'],
    ['snail', '1F40C'],
  ]);
  const icons = set(['peach', 'peach-2', 'sprocket', 'gastropod'], {}, { snail: 'gastropod' });
  expect(matchEmoji(icons, codes)).toEqual([
    { code: '1F351', icon: 'peach' },
    { code: '1F351', icon: 'peach-2' },
    { code: '1F40C', icon: 'gastropod' },
  ]);
});

test('of an icon in several sizes the largest is taken, and no brands', () => {
  const icons = set(['add-circle-16', 'add-circle-32', 'add-circle-20', 'cd-logo', 'reddit']);
  expect(captionIcons(icons)).toEqual([{ caption: 'add circle', icon: 'add-circle-32' }]);
});

test('icons are matched by name whatever code points they claim: one that is filled and one that is not', () => {
  const codes = new Map([
    ['cat', '1F408'],
    ['traffic-light', '1F6A5'],
    ['moon', '1F314'],
  ]);
  const icons = set(['cat', 'cat-bold', 'cat-line', 'cat-01-fill', 'traffic-light', 'catalogue', 'moon-fill'], {
    f0001: 'cat',
  });
  expect(matchGlyphs(icons, codes)).toEqual([
    { code: '1F408', icon: 'cat' },
    { code: '1F408', icon: 'cat-bold' },
    { code: '1F6A5', icon: 'traffic-light' },
  ]);
});
