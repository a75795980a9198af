import { expect, test } from 'vitest';
import { glyphsOf } from '../../src/engine/training/data/glyphs.ts';
import type { IconSet } from '../../src/engine/training/data/iconify.ts';
import type { Split } from '../../src/engine/training/data/split.ts';

const CODES = {
  key: '1F511',
  crown: '1F451',
  ghost: '1F47B',
  dog: '1F415',
  'dog face': '1F436',
  'green book': '1F4D7',
};
const of = (styles: Record<string, Split>) => new Map(Object.entries(styles));
const emoji = {
  concepts: Object.entries(CODES).map(([name, id]) => ({ id, name })),
  codePoints: new Map(Object.entries(CODES).map(([name, code]) => [name.replace(' ', '-'), code])),
  splits: new Map([
    [CODES.key, of({ flat: 'train', '3d': 'held-out-pair' })],
    [CODES.crown, of({ flat: 'held-out-pair', '3d': 'train' })],
    [CODES.ghost, of({ flat: 'held-out-concept', '3d': 'held-out-concept' })],
    [CODES.dog, of({ flat: 'train' })],
    [CODES['dog face'], of({ flat: 'train' })],
    [CODES['green book'], of({ flat: 'train' })],
  ]),
};
const set = (chars: Record<string, string> = {}): IconSet => ({
  names: [...emoji.codePoints.keys()],
  aliases: new Map(),
  chars: new Map(Object.entries(chars)),
  svg: (name, size, colour) => `${name} ${size} ${colour}`,
});
const found = (source: Parameters<typeof glyphsOf>[0], icons = set()) =>
  glyphsOf(source, icons, emoji).map(({ record: { name, split } }) => [name, split]);

test('icons show concepts, but for those that a colour tells apart and those that may be a face', () => {
  expect(found({ style: 'lines' })).toEqual([
    ['key', 'train'],
    ['crown', 'train'],
    ['ghost', 'held-out-concept'],
    ['dog face', 'train'],
  ]);
});

test('an icon that is drawn after an emoji that is held out is left out', () => {
  const byCode = set({ '1f511': 'key', '1f451': 'crown', '1f47b': 'ghost' });
  expect(found({ style: 'silhouettes', drawnAs: ['flat'] }, byCode)).toEqual([
    ['key', 'train'],
    ['ghost', 'held-out-concept'],
  ]);
  expect(found({ style: 'silhouettes', drawnAs: ['flat', '3d'] }, byCode)).toEqual([['ghost', 'held-out-concept']]);
});

test('each has a colour of its own', async () => {
  const drawn = await Promise.all(
    glyphsOf({ style: 'lines' }, set(), emoji).map(async (item) => `${await item.load()}`),
  );
  expect(drawn[0]).toMatch(/^key \d+ hsl\(\d+, 65%, 35%\)$/);
  expect(new Set(drawn.map((svg) => svg.split('hsl')[1])).size).toBeGreaterThan(1);
});
