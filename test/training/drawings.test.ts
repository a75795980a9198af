import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { PictureSet } from '../../src/engine/training/data/picture-set.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { drawingsOf, nameOf, openExtraData } from '../../src/engine/training/tasks/drawings.ts';
import { writeTinyDataset } from '../report/tiny-dataset.ts';

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

test('an extra set that shares no name is refused, with a name of each', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'unclip-extra-'));
  const trees = await writeTinyDataset(dir, [{ name: 'Tree' }], [{ concept: 'Tree', style: '', split: 'train' }]);
  openExtraData(trees, 'own', setOf(['Tree', 'train'])).close();
  expect(() => openExtraData(trees, `${trees}/`, setOf(['Tree', 'train']))).toThrow('is the folder of --data');
  expect(() => openExtraData(trees, 'own', setOf(['cat', 'held-out-concept'], ['tree', 'train']))).toThrow(
    `--extra-data ${dir}: none of its names, such as “Tree”, is one of --data, such as “tree”; names must be the same`,
  );
  expect(() => openExtraData(join(dir, 'none'), 'own', setOf(['tree', 'train']))).toThrow('metadata.jsonl is missing');
  await rm(dir, { recursive: true });
});
