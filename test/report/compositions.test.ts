import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { edgeColour, overallHue } from '../../src/engine/evaluation/report/colours-seen.ts';
import { cutOut } from '../../src/engine/evaluation/report/pictures.ts';
import { buildDataset } from '../../src/engine/training/data/build.ts';
import { compositionsOf } from '../../src/engine/training/data/compose/composed-set.ts';
import { SIDES } from '../../src/engine/training/data/compose/compositions.ts';
import { pictureFrom } from '../../src/engine/training/data/compose/layers.ts';
import { Dataset } from '../../src/engine/training/data/dataset.ts';

let dir: string;
let set: Dataset;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-compositions-'));
  const items = ['apple', 'pear', 'plum', 'fig'].map((name, i) => ({
    record: { concept: name, name, style: 'flat', split: 'train' as const },
    load: () =>
      sharp({ create: { width: 32, height: 32, channels: 3, background: { r: 30 + 50 * i, g: 200 - 50 * i, b: 60 } } })
        .png()
        .toBuffer(),
  }));
  await buildDataset(dir, { concepts: [], items: () => items });
  set = new Dataset(dir);
});
afterAll(async () => {
  set.close();
  await rm(dir, { recursive: true });
});

/** Compositions of a kind, held out, and what they look like. */
const ofKind = (kind: string) =>
  compositionsOf(set, { count: 100, seed: 0, heldOut: true }).flatMap((it) =>
    it.shows?.kind === kind ? [{ shows: it.shows, picture: pictureFrom(it.draw()) }] : [],
  );

test('the colour of a background is found again, and that of a thing', () => {
  const [backgrounds, colours] = [ofKind('thing on a background'), ofKind('thing in a colour')];
  expect(new Set(backgrounds.map(({ shows }) => shows.colour)).size).toBeGreaterThan(2);
  expect(new Set(colours.map(({ shows }) => shows.colour)).size).toBeGreaterThan(2);
  for (const { shows, picture } of backgrounds) expect(edgeColour(picture)).toBe(shows.colour);
  for (const { shows, picture } of colours) {
    expect(overallHue(picture)).toBe(shows.colour);
    expect(edgeColour(picture)).toBe('white');
  }
});

test('each of two things is found where it stands, and nothing of the other', () => {
  const two = ofKind('two things');
  expect(two.length).toBeGreaterThan(5);
  const middle = 4 * (64 * 128 + 64);
  for (const { shows, picture } of two) {
    for (const { name, side } of shows.things) {
      const cut = cutOut(picture, SIDES[side!]);
      const plain = set.read(set.records.findIndex((record) => record.name === name));
      expect(cut.subarray(middle, middle + 3)).toEqual(plain.subarray(middle, middle + 3));
      const colours = new Set(Array.from({ length: 128 }, (_, i) => cut[4 * (64 * 128 + i)]));
      expect(colours.size).toBeLessThanOrEqual(6); // its own, white, and what is between them at its edges
    }
  }
});

test('beyond the edge of a picture all is white', () => {
  const cut = cutOut(new Uint8Array(4 * 128 * 128), { x: 0, y: 0 });
  expect([...cut.subarray(0, 4)]).toEqual([255, 255, 255, 255]);
  expect([...cut.subarray(-4)]).toEqual([0, 0, 0, 255]);
});
