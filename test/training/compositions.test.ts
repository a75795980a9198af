import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildDataset } from '../../src/engine/training/data/build.ts';
import { colourfulness, namesColour, withHue, withoutColour } from '../../src/engine/training/data/compose/colours.ts';
import { plainSet, withCompositions } from '../../src/engine/training/data/compose/composed-set.ts';
import { plural, whyNoCompositions } from '../../src/engine/training/data/compose/compositions.ts';
import {
  flat,
  layerFrom,
  over,
  pictureFrom,
  place,
  shape,
  spread,
} from '../../src/engine/training/data/compose/layers.ts';
import { Dataset } from '../../src/engine/training/data/dataset.ts';
import { openPictures, writeCompositions } from '../../src/engine/training/data/open-pictures.ts';
import type { PictureSet } from '../../src/engine/training/data/picture-set.ts';
import { PICTURE_BYTES } from '../../src/engine/training/data/rasterise.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { trainingPictures } from '../../src/engine/training/tasks/pictures.ts';
import { priorTexts } from '../../src/engine/training/tasks/prior-embeddings.ts';
import { InputError } from '../../src/errors.ts';

const at = (picture: ArrayLike<number>, x: number, y: number) =>
  Array.from({ length: 4 }, (_, c) => picture[(y * 128 + x) * 4 + c]);

/** A square of 32 pixels in the middle, half transparent, on nothing. */
const square = Uint8Array.from({ length: PICTURE_BYTES }, (_, i) => {
  const [x, y] = [(i >> 2) % 128, i >> 9];
  const inside = x >= 48 && x < 80 && y >= 48 && y < 80;
  return inside ? [255, 127, 127, 128][i & 3]! : [255, 255, 255, 0][i & 3]!;
});

describe('layers', () => {
  test('taken off the white and put on it again a picture is the same', () => {
    expect(pictureFrom(layerFrom(square))).toEqual(square);
  });

  test('what lies below shines through by what is transparent', () => {
    const onBlue = pictureFrom(over(layerFrom(square), flat([0, 0, 255])));
    expect(at(onBlue, 0, 0)).toEqual([0, 0, 255, 255]);
    expect(at(onBlue, 64, 64)).toBeAllClose([128, 0, 127, 255], { atol: 1 });
  });

  test('over is associative', () => {
    const [a, b, c] = [
      layerFrom(square),
      shape(place(layerFrom(square), { scale: 2, x: 60, y: 60 }), [9, 99, 199], 0.5),
      flat([1, 2, 3]),
    ];
    expect(over(over(a, b), c)).toBeAllClose(over(a, over(b, c)), { atol: 1e-3 });
  });

  test('placed at half the size, it has a quarter of the area, about the place', () => {
    const placed = place(layerFrom(square), { scale: 0.5, x: 32, y: 96 });
    const sum = (layer: Float32Array) => layer.reduce((total, value, i) => total + ((i & 3) === 3 ? value : 0), 0);
    expect(sum(placed) / sum(layerFrom(square))).toBeCloseTo(0.25, 2);
    expect(at(placed, 32, 96)[3]).toBeCloseTo(128, 0);
    expect(at(placed, 64, 64)[3]).toBe(0);
  });

  test('spread reaches so far on all sides and no farther', () => {
    const grown = spread(layerFrom(square), 4);
    expect([at(grown, 44, 64)[3], at(grown, 43, 64)[3], at(grown, 64, 83)[3], at(grown, 64, 84)[3]]).toEqual([
      128, 0, 128, 0,
    ]);
  });
});

describe('colours', () => {
  const red = flat([200, 40, 40]);
  test('another hue keeps lightness and distance from grey', () => {
    expect(at(withHue(red, 120), 0, 0)).toBeAllClose([40, 200, 40, 255], { atol: 1 });
    expect(at(withHue(red, 240), 0, 0)).toBeAllClose([40, 40, 200, 255], { atol: 1 });
    expect(at(withHue(flat([90, 90, 90]), 240), 0, 0)).toBeAllClose([90, 90, 90, 255], { atol: 1e-3 });
  });
  test('without colour all channels are one', () => {
    const [r, g, b] = at(withoutColour(red), 0, 0);
    expect([g, b]).toEqual([r, r]);
    expect([colourfulness(withoutColour(red)), colourfulness(red)]).toEqual([0, 160]);
  });
});

test.each(['a red heart', 'Red_Heart', 'heart_red2'])('%s says a colour', (name) => {
  expect(namesColour(name)).toBe(true);
});

test.each(['bored cat', 'Redcoat', 'éblueie'])('%s says none', (name) => {
  expect(namesColour(name)).toBe(false);
});

test.each([
  ['dog', 'dogs'],
  ['cherry', 'cherries'],
  ['monkey', 'monkeys'],
  ['fox', 'foxes'],
  ['red apple', 'red apples'],
  ['café', 'cafés'],
  ['grapes', undefined],
  ['PEPEHANDS', undefined],
  ['kekw2', undefined],
  ['猫', undefined],
  ['cat with tears', undefined],
])('more than one %s: %s', (name, expected) => {
  expect(plural(name)).toBe(expected);
});

/** Pictures of one grey in one style. */
const named = (style: string, ...names: string[]): PictureSet => ({
  records: names.map((name) => ({ concept: name, name, style, split: 'train' })),
  concepts: new Map(),
  read: () => new Uint8Array(PICTURE_BYTES).fill(9),
  digest: async () => '',
  close() {},
});

/** The names that compositions are made of. */
function composedOf(set: PictureSet): Set<string> {
  const composed = withCompositions(set, { count: 400, seed: 0 }).records.slice(set.records.length);
  const backgrounds = composed.flatMap(({ name }) => /^(.*) on an? \w+ background$/.exec(name)?.[1] ?? []);
  return new Set(backgrounds);
}

describe("names of one's own pictures", () => {
  test('may have capitals, digits, underscores and letters of all languages, and three words', () => {
    const names = ['PepeHands', 'party_parrot', 'kekw2', 'café', 'LUL', 'Thinking Cat', '100', '猫', 'अरे'];
    const others = ['a cat that thinks', ':D', 'C++', ''];
    expect(composedOf(named('', ...names, ...others))).toEqual(new Set(names));
  });

  test('too few to compose with are told of', () => {
    expect(whyNoCompositions(named('', 'PepeHands', 'LUL'))).toBeUndefined();
    const few = named('', 'LUL', 'what one says after a long day');
    expect(withCompositions(few, { count: 9, seed: 0 }).records).toHaveLength(2);
    expect(whyNoCompositions(few)).toMatch(/at most 3 words, of letters, .*: expected 2 of these or more, found 1$/);
  });
});

test('of the bundled pictures, which have styles, compositions are those that the bundled model has learned from', () => {
  const names = [
    'apple',
    '1st place medal',
    'piñata',
    "jack-o'-lantern",
    'T-shirt',
    'red heart',
    'cat',
    'party_popper',
  ];
  const set = withCompositions(named('noto', ...names, 'dog'), { count: 500, seed: 0 });
  // of the words and choices as they were when it began
  expect(createHash('sha256').update(JSON.stringify(set.records)).digest('hex')).toBe(
    'c09545dcd5410bdb864d94fb3b37affc41c955ecb1c2badce34488960cb0ea14',
  );
});

/** Squares of different colours. */
const FRUIT = ['apple', 'pear', 'plum', 'fig', 'lime', 'kiwi', 'date', 'melon'].map((name, i) => ({
  record: { concept: name, name, style: 'flat', split: 'train' as const },
  load: () =>
    sharp({ create: { width: 32, height: 32, channels: 3, background: { r: 30 * i, g: 200 - 20 * i, b: 60 } } })
      .png()
      .toBuffer(),
}));

describe('a set with compositions', () => {
  let dir: string;
  let plain: Dataset;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'unclip-compose-'));
    await buildDataset(join(dir, 'data'), { concepts: [], items: () => FRUIT });
    plain = new Dataset(join(dir, 'data'));
  });
  afterAll(async () => {
    plain.close();
    await rm(dir, { recursive: true });
  });

  test('has them behind its own pictures, each with its words, the same from the same seed', () => {
    const [set, again] = [0, 0].map((seed) => withCompositions(plain, { count: 60, seed }));
    expect(set!.records).toHaveLength(plain.records.length + 60);
    expect(set!.records).toEqual(again!.records);
    expect(set!.read(3)).toEqual(plain.read(3));
    for (const index of [8, 30, 67]) {
      expect(set!.read(index)).toEqual(again!.read(index));
      const { concept, captions, name } = set!.records[index]!;
      expect(set!.concepts.get(concept)!.name).toBe(name);
      expect(captions).toContain(name);
    }
    expect(plainSet(set!)).toBe(plain);
    expect(withCompositions(plain, { count: 60, seed: 1 }).records).not.toEqual(set!.records);
  });

  test('what is read may be written into', () => {
    const set = withCompositions(plain, { count: 1, seed: 0 });
    const before = set.read(8).slice();
    set.read(8).fill(0);
    expect(set.read(8)).toEqual(before);
  });

  test('combinations that are held out are in no training set', () => {
    const names = (heldOut: boolean) => withCompositions(plain, { count: 60, seed: 0, heldOut }).records.slice(8);
    const [training, kept] = [names(false), names(true)];
    expect(new Set(training.map(({ split }) => split))).toEqual(new Set(['train']));
    expect(new Set(kept.map(({ split }) => split))).toEqual(new Set(['held-out-pair']));
    const seen = new Set(training.map(({ name }) => name));
    expect(kept.filter(({ name }) => seen.has(name))).toEqual([]);
  });

  test('however many they are, most pictures to learn from are plain ones', () => {
    const shareOf = (count: number) => {
      const set = withCompositions(plain, { count, seed: 0 });
      const [draw, dice] = [trainingPictures(set), new Dice(0, 0)];
      const drawn = Array.from({ length: 2000 }, () => draw(dice));
      expect(new Set(drawn).size).toBe(set.records.length);
      return drawn.filter((index) => index >= plain.records.length).length / drawn.length;
    };
    expect(shareOf(2)).toBeCloseTo(2 / 10, 1);
    expect(shareOf(80)).toBeCloseTo(0.4, 1);
  });

  test('a prior is asked for as many of them as of plain pictures', () => {
    const pictures = priorTexts(withCompositions(plain, { count: 60, seed: 0 })).map(({ picture }) => picture);
    expect(pictures.filter((picture) => picture >= plain.records.length)).toEqual([8, 9, 10, 11, 12, 13, 14, 15]);
    expect(new Set(pictures).size).toBe(16);
  });

  test('a folder asks for them in a file of its own', async () => {
    const folder = join(dir, 'data');
    await writeCompositions(folder, { count: 5, seed: 2 });
    const set = openPictures(folder);
    expect(set.records).toEqual(withCompositions(plain, { count: 5, seed: 2 }).records);
    set.close();
    await writeFile(join(folder, 'compositions.json'), '{"count": "many"}');
    expect(() => openPictures(folder)).toThrow(InputError);
    expect(() => openPictures(folder)).toThrow(/compositions\.json: expected/);
    await writeCompositions(folder);
    expect(openPictures(folder).records).toHaveLength(8);
  });
});
