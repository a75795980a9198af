import { existsSync } from 'node:fs';
import { appendFile, cp, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildDataset } from '../../src/engine/training/data/build.ts';
import { contactSheet, datasetSheet } from '../../src/engine/training/data/contact-sheet.ts';
import { Dataset, withTraining } from '../../src/engine/training/data/dataset.ts';
import { collectFolder, findLoader } from '../../src/engine/training/data/loaders/formats.ts';
import { PICTURE_BYTES, PICTURE_SIZE, rasterise } from '../../src/engine/training/data/rasterise.ts';
import { InputError } from '../../src/errors.ts';
import { writeTinyDataset } from '../report/tiny-dataset.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-data-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const png = (background: { r: number; g: number; b: number; alpha: number }, width = 40, height = 40) =>
  sharp({ create: { width, height, channels: 4, background } })
    .png()
    .toBuffer();

/** `count` squares in different greys, with captions. */
async function pictureFolder(count: number): Promise<string> {
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    await writeFile(join(dir, `${i}.png`), await png({ r: i, g: i, b: i, alpha: 1 }));
    lines.push(JSON.stringify({ file_name: `${i}.png`, text: `grey ${i}` }));
  }
  await writeFile(join(dir, 'metadata.jsonl'), `${lines.join('\n')}\n`);
  return dir;
}

const collect = (folder: string) => collectFolder(findLoader(folder), folder, { scratch: join(dir, 'scratch') });

const middle = (picture: Uint8Array) => [...picture.subarray((64 * PICTURE_SIZE + 64) * 4).subarray(0, 4)];

test('a folder of captioned pictures becomes a data set', async () => {
  const out = join(dir, 'out');
  const { pictures, leftOut } = await buildDataset(out, collect(await pictureFolder(5)));
  expect([pictures, leftOut.list()]).toEqual([5, []]);
  const dataset = new Dataset(out);
  expect(dataset.records.map(({ name }) => name)).toEqual(['grey 0', 'grey 1', 'grey 2', 'grey 3', 'grey 4']);
  expect(middle(dataset.read(3))).toEqual([3, 3, 3, 255]);
  dataset.close();
});

test('a folder of pictures that is taken for a data set is told from one, with what makes one of it', async () => {
  const open = () => new Dataset(dir);
  await pictureFolder(1);
  expect(open).toThrow(InputError);
  expect(open).toThrow(`npm run data -- --from ${dir} --out ${join('data', basename(dir))}`);
  await writeFile(join(dir, 'metadata.jsonl'), '{"concept": "grey"}\n');
  expect(open).toThrow(/metadata\.jsonl, line 1 is damaged/);
});

test('stopped and started again, it goes on after what is there and ends the same', async () => {
  const folder = await pictureFolder(150);
  const [whole, stopped] = [join(dir, 'whole'), join(dir, 'stopped')];
  await buildDataset(whole, collect(folder));

  const controller = new AbortController();
  const halfway = (done: number) => done >= 64 && controller.abort();
  const collection = collect(folder);
  await expect(buildDataset(stopped, collection, { onProgress: halfway, signal: controller.signal })).rejects.toThrow();
  // a sudden end leaves half a line and half a picture
  await appendFile(join(stopped, 'journal.partial'), '\n{"record":{"concept":"gre');
  await appendFile(join(stopped, 'pictures.rgba.partial'), 'half a picture');
  const done: number[] = [];
  await buildDataset(stopped, collection, { onProgress: (n) => done.push(n) });

  expect(done).toEqual([128, 150]);
  for (const file of ['pictures.rgba', 'metadata.jsonl', 'concepts.jsonl']) {
    const [found, expected] = await Promise.all([stopped, whole].map((folder) => readFile(join(folder, file))));
    expect(found!.equals(expected!), file).toBe(true);
  }
});

test('a stopped build believes what it drew as far as the pictures are still the same', async () => {
  const folder = await pictureFolder(200);
  const out = join(dir, 'out');
  const controller = new AbortController();
  const stop = (done: number) => done >= 128 && controller.abort();
  await expect(buildDataset(out, collect(folder), { onProgress: stop, signal: controller.signal })).rejects.toThrow();
  const metadata = await readFile(join(folder, 'metadata.jsonl'), 'utf8');
  await writeFile(join(folder, 'metadata.jsonl'), metadata.replace('"grey 100"', '"smoke"').replace(/.*199.*\n/, ''));
  const done: number[] = [];
  await buildDataset(out, collect(folder), { onProgress: (n) => done.push(n) });
  expect(done).toEqual([128, 192, 199]);
  const dataset = new Dataset(out);
  expect([dataset.records.length, dataset.records[100]!.name]).toEqual([199, 'smoke']);
  expect([99, 100, 198].map((n) => middle(dataset.read(n))[0])).toEqual([99, 100, 198]);
  dataset.close();
});

/** Builds until so many are done. */
async function stopAfter(count: number, out: string, folder: string): Promise<void> {
  const controller = new AbortController();
  const stop = (done: number) => done >= count && controller.abort();
  await expect(buildDataset(out, collect(folder), { onProgress: stop, signal: controller.signal })).rejects.toThrow();
}

test('a stopped build tries again what it left out, and goes on where that is as before', async () => {
  const folder = await pictureFolder(150);
  const out = join(dir, 'out');
  await Promise.all([rm(join(folder, '3.png')), rm(join(folder, '70.png')), writeFile(join(folder, '5.png'), 'none')]);
  await stopAfter(128, out, folder);
  await writeFile(join(folder, '70.png'), await png({ r: 70, g: 70, b: 70, alpha: 1 }));
  const done: number[] = [];
  const { leftOut } = await buildDataset(out, collect(folder), { onProgress: (n) => done.push(n) });
  expect(done).toEqual([128, 150]);
  expect(leftOut.lines().join()).toMatch(/^left out 1: the file is missing \(3\.png\),left out 1: .* \(5\.png\)$/);
  const dataset = new Dataset(out);
  const at = dataset.records.findIndex(({ name }) => name === 'grey 70');
  expect([dataset.records.length, middle(dataset.read(at))[0]]).toEqual([148, 70]);
  dataset.close();
});

test('a stopped build draws a picture again that has changed meanwhile', async () => {
  const folder = await pictureFolder(150);
  const out = join(dir, 'out');
  await stopAfter(128, out, folder);
  await writeFile(join(folder, '70.png'), await png({ r: 200, g: 0, b: 0, alpha: 1 }));
  const done: number[] = [];
  await buildDataset(out, collect(folder), { onProgress: (n) => done.push(n) });
  expect(done).toEqual([128, 150]);
  const dataset = new Dataset(out);
  expect([69, 70, 71].map((n) => middle(dataset.read(n))[0])).toEqual([69, 200, 71]);
  dataset.close();
});

test('what cannot be read or seen is left out, counted and written down', async () => {
  const folder = await pictureFolder(6);
  await writeFile(join(folder, '0.png'), 'no picture');
  await rm(join(folder, '1.png'));
  await writeFile(join(folder, '2.png'), await png({ r: 0, g: 0, b: 0, alpha: 0 }));
  await truncate(join(folder, '3.png'), 60);
  await rm(join(folder, '4.png'));
  const { pictures, leftOut } = await buildDataset(join(dir, 'out'), collect(folder));
  expect(pictures).toBe(1);
  expect(leftOut.lines()).toEqual([
    'left out 2: the file is missing (1.png, 4.png)',
    'left out 1: expected a PNG, JPEG, WebP or GIF picture, or SVG in a file called .svg, found text (0.png)',
    'left out 1: less than 4 % of it is visible (2.png)',
    'left out 1: the PNG picture is damaged or cut off, expected a complete file (3.png)',
  ]);
  expect(JSON.parse(await readFile(join(dir, 'out', 'left-out.json'), 'utf8'))[0]).toEqual({
    reason: 'the file is missing',
    count: 2,
    examples: ['1.png', '4.png'],
  });
});

test('an SVG that cannot be drawn is left out by what would be right', async () => {
  const folder = await pictureFolder(1);
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>';
  const files = {
    'whole.svg': svg,
    'cut.svg': svg.slice(0, 80),
    'empty.svg': '',
    'text.SVG': 'no drawing',
    'svg.png': svg,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const lines = Object.keys(files).map((name) => JSON.stringify({ file_name: name, text: name }));
  await appendFile(join(folder, 'metadata.jsonl'), lines.join('\n'));
  const { pictures, leftOut } = await buildDataset(join(dir, 'out'), collect(folder));
  expect(pictures).toBe(2);
  expect(leftOut.lines()).toEqual([
    'left out 3: expected an SVG drawing that is whole and has a size, as the file is called .svg (cut.svg, empty.svg, text.SVG)',
    'left out 1: expected a PNG, JPEG, WebP or GIF picture, or SVG in a file called .svg, found an SVG drawing (svg.png)',
  ]);
});

test('a folder in which nothing is left is refused with the reasons', async () => {
  const folder = await pictureFolder(1);
  await rm(join(folder, '0.png'));
  const refused = buildDataset(join(dir, 'out'), collect(folder));
  await expect(refused).rejects.toThrow(/no picture to learn from\nleft out 1: the file is missing \(0\.png\)/);
  await expect(refused).rejects.toThrow(InputError);
  expect(existsSync(join(dir, 'out'))).toBe(false);
  await writeFile(join(folder, '0.png'), await png({ r: 0, g: 0, b: 0, alpha: 1 }));
  expect((await buildDataset(join(dir, 'out'), collect(folder))).pictures).toBe(1);
});

test('a folder whose names are all held out is refused with what learns them, and nothing of it is left', async () => {
  const folder = await pictureFolder(3);
  // held out by its hash
  const lines = [0, 1, 2].map((i) => `${JSON.stringify({ file_name: `${i}.png`, text: 'bear' })}\n`);
  await writeFile(join(folder, 'metadata.jsonl'), lines.join(''));
  const out = join(dir, 'out');
  const refused = buildDataset(out, collect(folder));
  await expect(refused).rejects.toThrow(/^all 3 pictures are held out, .* with --learn-all they are learned$/);
  await expect(refused).rejects.toThrow(InputError);
  expect(existsSync(out)).toBe(false);
  await appendFile(join(folder, 'metadata.jsonl'), JSON.stringify({ file_name: '0.png', text: 'cat' }));
  expect(await buildDataset(out, collect(folder))).toMatchObject({ pictures: 4, heldOut: 3 });
});

test('a data set that leaves nothing to learn from is refused for training, an empty one in any case', async () => {
  const bear = { concept: 'bear', style: '', split: 'held-out-concept' } as const;
  const heldOut = await writeTinyDataset(join(dir, 'held-out'), [{ name: 'bear' }], [bear, bear]);
  const set = new Dataset(heldOut);
  expect(() => withTraining(set, heldOut)).toThrow(InputError);
  expect(() => withTraining(set, heldOut)).toThrow(/held-out: all 2 pictures are held out, .*, and with --learn-all$/);
  set.close();
  const empty = await writeTinyDataset(join(dir, 'empty'), [], []);
  expect(() => new Dataset(empty)).toThrow(`${empty} is a data set without pictures: build the data set again`);
});

test('of captions that are refused nothing is left, and what was drawn before is kept', async () => {
  const folder = await pictureFolder(70);
  const captions = await readFile(join(folder, 'metadata.jsonl'));
  const [fresh, stopped] = [join(dir, 'fresh'), join(dir, 'stopped')];
  await stopAfter(64, stopped, folder);
  await writeFile(join(folder, 'metadata.jsonl'), Buffer.from(captions.toString(), 'utf16le'));
  for (const out of [fresh, stopped]) await expect(buildDataset(out, collect(folder))).rejects.toThrow('is UTF-16');
  expect(existsSync(fresh)).toBe(false);
  await writeFile(join(folder, 'metadata.jsonl'), captions);
  const done: number[] = [];
  await buildDataset(stopped, collect(folder), { onProgress: (n) => done.push(n) });
  expect(done).toEqual([70]);
});

test('a data set whose files do not fit together is refused', async () => {
  const out = join(dir, 'out');
  await buildDataset(out, collect(await pictureFolder(3)));
  const pictures = join(out, 'pictures.rgba');
  await truncate(pictures, (await stat(pictures)).size - 1);
  expect(() => new Dataset(out)).toThrow(/holds 2 pictures and a part of one, but metadata\.jsonl describes 3/);
  await truncate(pictures, PICTURE_BYTES);
  expect(() => new Dataset(out)).toThrow(/holds 1 pictures, but metadata\.jsonl describes 3/);
  await cp(join(out, 'metadata.jsonl'), join(out, 'concepts.jsonl'));
  expect(() => new Dataset(out)).toThrow(/concepts\.jsonl, line 1/);
  expect(() => new Dataset(dir)).toThrow(InputError);
});

test('of a damaged line it says which it is, what is wrong with it and what mends it', async () => {
  const out = join(dir, 'out');
  await buildDataset(out, collect(await pictureFolder(3)));
  const metadata = join(out, 'metadata.jsonl');
  const text = await readFile(metadata, 'utf8');
  const again = 'build the data set again (npm run data, with the options that it was built with)';
  for (const [damaged, message] of [
    [text.replace('"name"', '"nime"').replace('"train"', '3'), 'line 1 is damaged (name, split)'],
    [`\n${text.slice(0, -20)}`, 'line 4 is damaged (no JSON)'],
    [text.replace(/.*\n/, '5\n'), 'line 1 is damaged (no object)'],
    [Buffer.from(text, 'utf16le'), 'line 1 is damaged (no JSON)'],
  ] as const) {
    await writeFile(metadata, damaged);
    expect(() => new Dataset(out)).toThrow(new InputError(`${metadata}, ${message}: ${again}`));
  }
});

test('pictures keep their proportions, on white where they are transparent', async () => {
  const wide = await rasterise(await png({ r: 255, g: 0, b: 0, alpha: 0.5 }, 80, 20));
  expect(middle(wide)).toEqual([255, 127, 127, 128]);
  expect([...wide.subarray(0, 4)]).toEqual([255, 255, 255, 0]);
  expect([...wide.subarray((64 * PICTURE_SIZE + 4) * 4).subarray(3, 4)]).toEqual([128]);
  expect([...wide.subarray((20 * PICTURE_SIZE + 64) * 4).subarray(3, 4)]).toEqual([0]);
});

test('or they are cut to a square', async () => {
  const wide = await sharp({ create: { width: 80, height: 40, channels: 3, background: 'red' } })
    .composite([{ input: await png({ r: 0, g: 0, b: 255, alpha: 1 }), left: 20, top: 0 }])
    .png()
    .toBuffer();
  const cut = await rasterise(wide, 'cut to a square');
  const pixel = (x: number, y: number) => [...cut.subarray((y * PICTURE_SIZE + x) * 4).subarray(0, 4)];
  expect([pixel(8, 64), pixel(120, 64), pixel(64, 0)]).toEqual(Array(3).fill([0, 0, 255, 255]));
});

test('a contact sheet shows colours as they are on white', async () => {
  const picture = await rasterise(await png({ r: 0, g: 0, b: 255, alpha: 1 }));
  const sheet = await contactSheet([picture, picture, picture], { columns: 2, size: 32 });
  const { data, info } = await sharp(sheet).raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([64, 64]);
  expect(data.subarray(0, 3)).toBeAllClose([255, 255, 255], { atol: 2 });
  const blue = (16 * 64 + 16) * info.channels;
  expect(data.subarray(blue, blue + 3)).toBeAllClose([0, 0, 255], { atol: 2 });
});

test('captions stand below the pictures of a data set, in lines that their width holds', async () => {
  const out = join(dir, 'out');
  const folder = await pictureFolder(5);
  const captions = ['Tom & Jerry <3\uffff', 'a', 'b', 'c', ''].map((text, i) =>
    JSON.stringify({ file_name: `${i}.png`, text }),
  );
  await writeFile(join(folder, 'metadata.jsonl'), captions.join('\n'));
  await buildDataset(out, collect(folder));
  const dataset = new Dataset(out);
  const sheet = sharp(await datasetSheet(dataset, 4)).greyscale();
  const { width, height } = await sheet.metadata();
  expect(width).toBe(2 * PICTURE_SIZE);
  const row = height / 2;
  const darkest = async (left: number, top: number) => {
    const below = { left, top: top + PICTURE_SIZE, width: PICTURE_SIZE, height: row - PICTURE_SIZE };
    return Math.min(...(await sheet.clone().extract(below).raw().toBuffer()));
  };
  for (const left of [0, PICTURE_SIZE]) for (const top of [0, row]) expect(await darkest(left, top)).toBeLessThan(128);
  // not larger than they are, nor so small that no caption could be read
  expect((await sharp(await datasetSheet(dataset, 1)).metadata()).width).toBe(PICTURE_SIZE);
  const many = { ...dataset, records: Array(600).fill(dataset.records[0]), read: () => dataset.read(0) };
  expect((await sharp(await datasetSheet(many as unknown as Dataset, 600)).metadata()).width).toBe(20 * 72);
  dataset.close();
});
