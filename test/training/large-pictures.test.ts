import { appendFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildDataset } from '../../src/engine/training/data/build.ts';
import { Dataset } from '../../src/engine/training/data/dataset.ts';
import { buildLarge, LargePictures } from '../../src/engine/training/data/large-pictures.ts';
import { collectFolder, findLoader } from '../../src/engine/training/data/loaders/formats.ts';

let dir: string;
let out: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-large-'));
  out = join(dir, 'out');
  await mkdir(join(dir, 'pictures'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const collect = () =>
  collectFolder(findLoader(join(dir, 'pictures')), join(dir, 'pictures'), { scratch: join(dir, 's') });

async function picture(file: string, bytes: Uint8Array | string): Promise<void> {
  await writeFile(join(dir, 'pictures', file), bytes);
  await appendFile(join(dir, 'pictures', 'metadata.jsonl'), `${JSON.stringify({ file_name: file, text: file })}\n`);
}

const square = (size: number, red: number) =>
  sharp({ create: { width: size, height: size, channels: 3, background: { r: red, g: 0, b: 0 } } })
    .png()
    .toBuffer();

async function openSet(): Promise<Dataset> {
  await buildDataset(out, collect());
  return new Dataset(out);
}

const pixel = (bytes: Uint8Array, side: number, x: number, y: number) => [
  ...bytes.subarray(4 * (y * side + x), 4 * (y * side + x) + 4),
];

test('pictures are there again, 4 times as large at the same place; small ones are not', async () => {
  // a bar of one eighth of the width: its edges lie at the same place in both sizes
  await picture(
    'bar.svg',
    '<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"><rect x="8" width="4" height="32"/></svg>',
  );
  await picture(
    'empty.png',
    await sharp({ create: { width: 300, height: 300, channels: 4, background: '#0000' } })
      .png()
      .toBuffer(),
  );
  await picture('small.png', await square(100, 9));
  await picture('large.png', await square(300, 200));
  const dataset = await openSet();
  expect(await buildLarge(out, dataset, collect())).toBe(2);

  const large = await LargePictures.open(out, dataset);
  expect(dataset.records.map((_, index) => large.has(index))).toEqual([true, false, true]);
  expect(pixel(large.read(2), 512, 256, 256)).toEqual([200, 0, 0, 255]);
  // margins are 4 and 16 pixels wide: 120 and 480 pixels for 32 units
  for (const [x, alpha] of [
    [132, 0],
    [140, 255],
    [192, 255],
    [200, 0],
  ] as const) {
    expect(pixel(large.read(0), 512, x, 256)[3], `at ${x}`).toBe(alpha);
  }
  expect(pixel(dataset.read(0), 128, 36, 64)[3]).toBe(255);
  large.close();
  dataset.close();
});

test('stopped and started again, it goes on after what lies there whole', { timeout: 30_000 }, async () => {
  for (let i = 0; i < 70; i++) await picture(`${i}.png`, await square(256, i));
  const dataset = await openSet();
  await buildLarge(out, dataset, collect());
  const files = ['large-pictures.bin', 'large-pictures.txt'].map((file) => join(out, file));
  const whole = await Promise.all(files.map((file) => readFile(file)));

  // 66 lengths and a half, of which two pictures are not all there
  const [digest, ...lines] = whole[1]!.toString().split('\n');
  const lengths = lines.map(Number);
  const bytes = lengths.slice(0, 64).reduce((a, b) => a + b, 0);
  await Promise.all(files.map((file) => rename(file, `${file}.partial`)));
  await writeFile(`${files[0]}.partial`, whole[0]!.subarray(0, bytes + 10));
  await writeFile(`${files[1]}.partial`, `${[digest, ...lengths.slice(0, 66)].join('\n')}\n12`);
  let first: number | undefined;
  await buildLarge(out, dataset, collect(), { onProgress: (done) => (first ??= done) });
  expect(first).toBeGreaterThan(63);
  expect(await Promise.all(files.map((file) => readFile(file)))).toEqual(whole);
  dataset.close();
});

test('other pictures than those of the data set are refused, and a data set without large ones', async () => {
  await picture('a.png', await square(300, 1));
  const dataset = await openSet();
  await expect(LargePictures.open(out, dataset)).rejects.toThrow(/is missing: npm run data -- --large/);
  await writeFile(join(dir, 'pictures', 'a.png'), await square(300, 99));
  await expect(buildLarge(out, dataset, collect())).rejects.toThrow(/picture 1 of the data set, a.png, is not among/);
  expect((await readdir(out)).filter((file) => file.includes('large'))).toEqual([]);
  dataset.close();
});

test('those of an earlier data set in the same folder are no longer its own', async () => {
  await picture('a.png', await square(300, 1));
  const before = await openSet();
  await buildLarge(out, before, collect());
  before.close();
  await writeFile(join(dir, 'pictures', 'a.png'), await square(300, 99));
  await rm(`${out}/pictures.rgba`);
  const dataset = await openSet();
  await expect(LargePictures.open(out, dataset)).rejects.toThrow('is not of the pictures that the data set has now');
  await buildLarge(out, dataset, collect());
  (await LargePictures.open(out, dataset)).close();
  dataset.close();
});

test('a data set of small pictures has nothing to draw larger', async () => {
  await picture('a.png', await square(64, 1));
  const dataset = await openSet();
  const before = await readdir(out);
  await expect(buildLarge(out, dataset, collect())).rejects.toThrow('no picture has 256 pixels on its longer side');
  expect(await readdir(out)).toEqual(before);
  dataset.close();
});
