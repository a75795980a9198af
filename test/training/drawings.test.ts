import { expect, test } from 'vitest';
import type { PictureSet } from '../../src/engine/training/data/picture-set.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { drawingsOf, nameOf } from '../../src/engine/training/tasks/drawings.ts';

const setOf = (...pictures: [name: string, split: string][]) =>
  ({
    records: pictures.map(([name, split]) => ({ concept: `id of ${name}`, split })),
    concepts: new Map(pictures.map(([name]) => [`id of ${name}`, { name }])),
  }) as unknown as PictureSet;

const all = (draw: ReturnType<typeof drawingsOf>) => {
  const drawings = Array.from({ length: 300 }, (_, step) => draw(new Dice(0, step)));
  return { drawings, names: [...new Set(drawings.map(nameOf))].sort() };
};

test('training pictures of a set are drawn, and less often those of another one that show what it has names for', () => {
  const own = setOf(['cat', 'train'], ['sun', 'train'], ['moon', 'held-out-concept']);
  expect(all(drawingsOf(own, undefined)).names).toEqual(['cat', 'sun']);
  expect(all(drawingsOf(own, undefined, (index) => index === 1)).names).toEqual(['sun']);
  const more = setOf(['moon', 'train'], ['cat', 'train'], ['sun', 'held-out-concept'], ['tree', 'train']);
  const { drawings, names } = all(drawingsOf(own, more));
  expect(names).toEqual(['cat', 'sun']);
  const others = drawings.filter(({ set }) => set === more);
  expect(new Set(others.map(nameOf))).toEqual(new Set(['cat']));
  expect(others.length).toBeGreaterThan(50);
  expect(others.length).toBeLessThan(150);
});

test('another set that shares no name is refused', () => {
  const own = setOf(['cat', 'train']);
  expect(() => drawingsOf(own, setOf(['tree', 'train']))).toThrow(
    'no picture of --more has a name that pictures of --data have',
  );
});
