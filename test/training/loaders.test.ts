import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildDataset } from '../../src/engine/training/data/build.ts';
import { sampleCaption } from '../../src/engine/training/data/captions.ts';
import { Dataset } from '../../src/engine/training/data/dataset.ts';
import { LeftOut } from '../../src/engine/training/data/left-out.ts';
import { collectFolder, type FolderOptions, findLoader } from '../../src/engine/training/data/loaders/formats.ts';
import type { Sample } from '../../src/engine/training/data/loaders/loader.ts';
import { PICTURE_SIZE } from '../../src/engine/training/data/rasterise.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { InputError } from '../../src/errors.ts';

let dir: string;
let scratch: string;
beforeEach(async () => {
  const temporary = await mkdtemp(join(tmpdir(), 'unclip-loaders-'));
  dir = join(temporary, 'from');
  scratch = join(temporary, 'scratch');
  await mkdir(dir);
});
afterEach(() => rm(dirname(dir), { recursive: true, force: true }));

const published = (name: string) => cp(join(import.meta.dirname, 'fixtures', name), dir, { recursive: true });

async function pictures(...files: string[]): Promise<void> {
  for (const file of files) {
    await mkdir(dirname(join(dir, file)), { recursive: true });
    await sharp({ create: { width: 48, height: 32, channels: 3, background: 'teal' } }).toFile(join(dir, file));
  }
}

/** What the loader gives, by file, and what it leaves out. */
async function read(language = 'en'): Promise<{ samples: Map<string, Sample>; leftOut: string[] }> {
  const leftOut = new LeftOut();
  const samples = new Map<string, Sample>();
  for await (const sample of findLoader(dir).read(dir, { leaveOut: leftOut.add, scratch, language }))
    samples.set(sample.file, sample);
  return { samples, leftOut: leftOut.lines().map((line) => line.replace('left out ', '')) };
}

const build = (options: Partial<FolderOptions> = {}) =>
  buildDataset(join(dirname(dir), 'out'), collectFolder(findLoader(dir), dir, { scratch, ...options }));

/** Refused in one clear message. */
async function refused(message: RegExp): Promise<void> {
  const reading = (async () => read())();
  await expect(reading).rejects.toThrow(message);
  await expect(reading).rejects.toThrow(InputError);
}

describe('MS-COCO', () => {
  const val = (id: number) => join('val2017', `${String(id).padStart(12, '0')}.jpg`);
  beforeEach(async () => {
    await published('coco');
    await pictures(val(139), val(285), val(632));
  });

  test('the captions of a picture come together, whatever their order in the file', async () => {
    const { samples, leftOut } = await read();
    expect(samples.get(val(139))).toEqual({
      file: val(139),
      captions: ['A woman stands in a dining room', 'A room with chairs, a table, and a woman in it.'],
      concept: '139',
      group: '139',
      source: 'http://farm7.staticflickr.com/6116/139_da26cf2c9e_z.jpg',
    });
    expect(samples.get(val(285))!.captions).toEqual([
      'A brown bear sits in the grass.',
      'A big bear, looking at the camera',
    ]);
    expect(samples.get(val(724))!.captions).toEqual(['A red stop sign & a street lamp']);
    expect(leftOut.sort()).toEqual([
      '1: an annotation without image_id or caption (captions_val2017.json annotations[7])',
      '1: an image with the id of another (captions_val2017.json image 139)',
      '1: an image without a caption (captions_val2017.json image 776)',
      '1: an image without id or file_name (captions_val2017.json images[6])',
      '1: captions of an image that is not in the list (captions_val2017.json image 99999)',
    ]);
    expect(await readdir(dirname(dir))).not.toContain('scratch');
  });

  test('it becomes a data set; pictures that are missing or elsewhere are left out', async () => {
    const { pictures, leftOut } = await build();
    expect(pictures).toBe(3);
    expect(leftOut.lines()).toContain('left out 1: a file name that leads out of the folder (../secret.jpg)');
    expect(leftOut.lines().join()).toMatch(/left out 2: the file is missing/);
    const dataset = new Dataset(join(dirname(dir), 'out'));
    const index = dataset.records.findIndex(({ concept }) => concept === '285');
    const { data } = await sharp(await readFile(join(dir, val(285))))
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const middle = (64 * PICTURE_SIZE + 64) * 4;
    expect(dataset.read(index).subarray(middle, middle + 4)).toBeAllClose([...data.subarray(0, 4)], { atol: 1 });
    const record = dataset.records[index]!;
    const drawn = [1, 2, 3, 4, 5, 6, 7, 8].map((step) =>
      sampleCaption(record, dataset.concepts.get('285')!, new Dice(0, step)),
    );
    expect(new Set(drawn)).toEqual(new Set(record.captions));
    dataset.close();
  });

  test('a part without its pictures is left out, and all parts without are refused', async () => {
    await cp(join(dir, 'annotations', 'captions_val2017.json'), join(dir, 'annotations', 'captions_train2017.json'));
    expect((await read()).leftOut).toContain(
      '1: captions whose folder of pictures is not there (annotations/captions_train2017.json)',
    );
    await rm(join(dir, 'val2017'), { recursive: true });
    await refused(/has captions without pictures/);
  });

  test.each([
    ['cut short', (text: string) => Buffer.from(text.slice(0, -500)), /captions_val2017\.json: expected .* cut short/],
    ['in another encoding', (text: string) => Buffer.from(`${text}é`, 'latin1'), /captions_val2017\.json is not UTF-8/],
    ['something else', () => Buffer.from('hello'), /expected an object with a list "images" as JSON/],
  ])('captions that are %s are refused', async (_, change, message) => {
    const path = join(dir, 'annotations', 'captions_val2017.json');
    await writeFile(path, change(await readFile(path, 'utf8')));
    await refused(message);
  });
});

describe('WIT', () => {
  const TABLE = 'wit_v1.train.all-00000-of-00010.tsv';
  beforeEach(async () => {
    await published('wit');
    await writeFile(join(dir, `${TABLE}.gz`), gzipSync(await readFile(join(dir, TABLE))));
    await rm(join(dir, TABLE));
    await pictures(
      'images/Half_Dome.jpg',
      'images/Café_Zur_Post.jpg',
      'images/wikipedia/commons/3/33/Mirrored_(1).jpg',
    );
  });

  test('pictures are found by their address, with the captions of all rows about them', async () => {
    const { samples, leftOut } = await read();
    expect([...samples.keys()].sort()).toEqual([
      'images/Café_Zur_Post.jpg',
      'images/Half_Dome.jpg',
      'images/wikipedia/commons/3/33/Mirrored_(1).jpg',
    ]);
    const address = 'https://upload.wikimedia.org/wikipedia/commons/f/fc/Half_Dome.jpg';
    expect(samples.get('images/Half_Dome.jpg')).toEqual({
      file: 'images/Half_Dome.jpg',
      captions: ['Half Dome from Glacier Point', 'Half Dome, a granite dome in a park', 'Half Dome at sunset'],
      ...{ concept: address, group: address, source: address },
    });
    expect(samples.get('images/Café_Zur_Post.jpg')!.captions).toEqual([
      'The café Zur Post, in 1910',
      'a house with "Zur Post" written on it',
    ]);
    expect(leftOut.sort()).toEqual([
      `1: a row with more or fewer fields than there are columns (${TABLE}.gz line 12)`,
      `1: a row without a caption (${TABLE}.gz line 9)`,
      `1: in another language than en (${TABLE}.gz line 3)`,
      `1: no file in images/ is named as the address ends (${TABLE}.gz line 8, Nowhere.png)`,
      `2: a row whose image_url is not the address of a file (${TABLE}.gz line 10, ${TABLE}.gz line 11)`,
    ]);
  });

  test('another language', async () => {
    const { samples } = await read('de');
    expect([...samples.values()].map(({ captions }) => captions)).toEqual([['Der Half Dome im Sommer']]);
  });

  test('a missing quotation mark costs the rows up to the next one, not the rest', async () => {
    const rows = (await readFile(join(import.meta.dirname, 'fixtures', 'wit', TABLE), 'utf8')).split('\n');
    const torn = rows[1]!.replace('Half Dome from', '"Half Dome from');
    await writeFile(join(dir, `${TABLE}.gz`), gzipSync([rows[0], torn, ...rows.slice(1)].join('\n')));
    const { samples, leftOut } = await read();
    expect(samples.has('images/wikipedia/commons/3/33/Mirrored_(1).jpg')).toBe(true);
    expect(leftOut.join()).toMatch(/fields/);
  });

  test.each([
    ['cut short', (zipped: Buffer) => zipped.subarray(0, -20), /\.gz is no gzip file, or was cut short/],
    ['not zipped', () => Buffer.from('language\timage_url\n'), /\.gz is no gzip file/],
    ['another table', () => gzipSync('a\tb\n1\t2\n'), /names no column language, image_url, .*found a, b/],
    ['in another encoding', () => gzipSync(Buffer.from('caf\xe9\tb\n', 'latin1')), /\.gz is not UTF-8/],
  ])('a table that is %s is refused', async (_, change, message) => {
    await writeFile(join(dir, `${TABLE}.gz`), change(await readFile(join(dir, `${TABLE}.gz`))));
    await refused(message);
  });

  test('captions without a folder of pictures are refused', async () => {
    await rm(join(dir, 'images'), { recursive: true });
    await refused(/expected a folder images\//);
  });
});

describe('Cornell Movie-Dialogs', () => {
  beforeEach(async () => {
    await published('cornell');
    await pictures(
      'stills/L194.jpg',
      'stills/m0/L196-wide.png',
      'stills/m0/L196_2.jpg',
      'stills/L870.jpg',
      'stills/L871.jpg',
    );
    await pictures('stills/L998.jpg', 'stills/L999.jpg', 'stills/L19.jpg', 'stills/poster.jpg');
  });

  test('a still belongs to the line whose id its name begins with', async () => {
    const { samples, leftOut } = await read();
    const said = [...samples.values()].map(({ file, captions, group }) => [file, captions[0], group]);
    expect(said).toEqual([
      ['stills/L194.jpg', 'Is it far to the lighthouse?', 'm0'],
      ['stills/m0/L196-wide.png', 'He said “naïve” and left…', 'm0'],
      ['stills/m0/L196_2.jpg', 'He said “naïve” and left…', 'm0'],
      ['stills/L870.jpg', 'The café is closed.', 'm1'],
      ['stills/L998.jpg', 'The last line but one.', 'm6'],
      ['stills/L999.jpg', 'The last line.', 'm6'],
    ]);
    expect(leftOut.sort()).toEqual([
      '1: a line without 5 fields between " +++$+++ " (movie_lines.txt line 7)',
      '1: a line without words (movie_lines.txt line 5)',
      '1: a still of a line that is not in movie_lines.txt (stills/L19.jpg)',
      '1: a still whose name does not begin with the id of a line, such as L1045 (stills/poster.jpg)',
    ]);
  });

  test('all stills of a movie are held out together', async () => {
    await build();
    const dataset = new Dataset(join(dirname(dir), 'out'));
    const heldOut = dataset.records.filter(({ split }) => split === 'held-out-concept');
    expect(heldOut.map(({ concept }) => concept)).toEqual(['L998', 'L999']);
    dataset.close();
  });

  test('none is held out where all are to be learned', async () => {
    await build({ learnAll: true });
    const dataset = new Dataset(join(dirname(dir), 'out'));
    expect(new Set(dataset.records.map(({ split }) => split))).toEqual(new Set(['train']));
    dataset.close();
  });

  test.each([
    ['UTF-8', Buffer.from('L1 +++$+++ u0 +++$+++ m0 +++$+++ ANNA +++$+++ A café.\n')],
    ['UTF-16', Buffer.from('L1 +++$+++ u0 +++$+++ m0 +++$+++ ANNA +++$+++ A.\n', 'utf16le')],
  ] as const)('lines in %s are refused', async (encoding, text) => {
    await writeFile(join(dir, 'movie_lines.txt'), text);
    await refused(new RegExp(`movie_lines\\.txt, line 1 is ${encoding}, expected ISO-8859-1`));
  });

  test('it may lie in the folder of the archive; without stills it is refused', async () => {
    await mkdir(join(dir, 'cornell movie-dialogs corpus'));
    await rename(join(dir, 'movie_lines.txt'), join(dir, 'cornell movie-dialogs corpus', 'movie_lines.txt'));
    expect((await read()).samples.size).toBe(6);
    await rm(join(dir, 'stills'), { recursive: true });
    await refused(/expected .*stills\/ with pictures such as L1045\.jpg/);
  });
});

describe('SciXGen', () => {
  beforeEach(async () => {
    await published('scixgen');
    await pictures(
      '2101.00001/figs/curve.png',
      '2101.00001/figs/model.png',
      '2101.00001/figs/a.png',
      '2101.00001/figs/b.png',
    );
    await writeFile(join(dir, '2101.00001', 'figs', 'only.pdf'), '%PDF-1.5');
  });

  test('figures with captions, out of what LaTeXML makes of a paper', async () => {
    const { samples, leftOut } = await read();
    expect([...samples.values()].map(({ file, captions, concept }) => [file, captions[0], concept])).toEqual(
      [
        ['2101.00001/figs/curve.png', 'The curve of x^{2} for all inputs.', '2101.00001/main#S1.F1'],
        ['2101.00001/figs/model.png', 'The model, drawn as PDF and converted.', '2101.00001/main#S1.F2'],
        ['2101.00001/figs/a.png', 'Before, x<y and y>z.', '2101.00001/main#S1.F5.sf1'],
        ['2101.00001/figs/b.png', 'After.', '2101.00001/main#S1.F5.sf2'],
      ].map((it) => it),
    );
    expect(new Set([...samples.values()].map(({ group }) => group))).toEqual(new Set(['2101.00001/main']));
    expect(leftOut.sort()).toEqual([
      '1: a figure of several pictures with one caption (2101.00001/main#S1.F4)',
      '1: a figure without a PNG, JPEG, GIF or WebP file: convert what is PDF or PostScript (2101.00001/main#S1.F3)',
      '1: a figure without a caption (2101.00001/main#S1.F6)',
      '1: a paper that is no XML, or was cut short (2101.00002/paper.xml)',
      '1: a paper that is not LaTeXML (2101.00003/notes.xml)',
      '1: a paper that is not UTF-8 (2101.00004/paper.xml)',
    ]);
  });
});

describe('Recipe1M+', () => {
  beforeEach(async () => {
    await published('recipe1m');
    await pictures(
      'images/0/f/a/8/0fa8309c13.jpg',
      'images/c/2/e/f/c2ef35a26a.jpg',
      'images/val/3/b/7/9/3b79cc15f6.jpg',
    );
  });

  test('pictures are below the letters of their ids, captions are titles', async () => {
    const { samples, leftOut } = await read();
    expect([...samples.values()].map(({ file, captions, group }) => [file, captions[0], group]).sort()).toEqual([
      ['images/0/f/a/8/0fa8309c13.jpg', 'Banana Bread', '000018c8a5'],
      ['images/9/a/1/b/9a1b2c3d4e.jpg', 'Pancakes', '0000631d90'],
      ['images/c/2/e/f/c2ef35a26a.jpg', 'Banana Bread', '000018c8a5'],
      ['images/val/3/b/7/9/3b79cc15f6.jpg', 'Mac & Cheese', '000033e39b'],
    ]);
    expect(leftOut.sort()).toEqual([
      '1: a picture whose id is not like 0fa8309c13.jpg (recipe 000018c8a5)',
      '1: a recipe without a title (recipe 00003a70b1)',
      '1: a recipe without id, title or partition (layer1.json [4])',
      '1: a recipe without pictures (recipe 000035f7ed)',
      '1: pictures of a recipe that is not in layer1.json (recipe ffffffffff)',
      '1: pictures without the id of a recipe, or without a list (layer2.json [6])',
    ]);
  });

  test('the larger list of pictures is taken where there are both', async () => {
    await writeFile(
      join(dir, 'layer2+.json'),
      '[{"id": "000018c8a5", "images": [{"id": "0fa8309c13.jpg", "url": ""}]}]',
    );
    expect([...(await read()).samples.keys()]).toEqual(['images/0/f/a/8/0fa8309c13.jpg']);
  });

  test('recipes without pictures, or that are no list, are refused', async () => {
    await writeFile(join(dir, 'layer1.json'), '{"id": "000018c8a5"}');
    await refused(/layer1\.json: expected a list as JSON/);
    await rm(join(dir, 'layer2.json'));
    await refused(/has recipes without pictures; expected layer1\.json, layer2\.json/);
  });

  test('no more than are asked for, and nothing else is left lying about', async () => {
    await pictures('images/9/a/1/b/9a1b2c3d4e.jpg');
    expect((await build({ limit: 2 })).pictures).toBe(2);
    expect((await readdir(dirname(dir))).sort()).toEqual(['from', 'out']);
  });
});

describe('imagefolder', () => {
  const metadata = (text: string | Buffer, file = 'metadata.jsonl') => writeFile(join(dir, file), text);

  test('metadata.jsonl, in each folder of a split', async () => {
    await pictures('train/red/1.png', 'test/2.png');
    await metadata('{"file_name": "red/1.png", "text": "a <b>red</b>  square"}\r\n\r\n', 'train/metadata.jsonl');
    await metadata('{"file_name": "2.png", "caption": "a cat"}', 'test/metadata.jsonl');
    const { samples, leftOut } = await read();
    expect([...samples.values()].map(({ file, captions }) => [file, captions[0]])).toEqual([
      ['test/2.png', 'a cat'],
      ['train/red/1.png', 'a red square'],
    ]);
    expect(leftOut).toEqual([]);
  });

  test('metadata.csv', async () => {
    await metadata('\uFEFFfile_name,text\n1.png,"a cat, asleep"\n2.png\n', 'metadata.csv');
    const { samples, leftOut } = await read();
    expect(samples.get('1.png')!.captions).toEqual(['a cat, asleep']);
    expect(leftOut).toEqual(['1: a row with more or fewer fields than there are columns (metadata.csv line 3)']);
  });

  test('drawings, and photographs that are stored lying down', async () => {
    await writeFile(
      join(dir, 'a.svg'),
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
    );
    const lying = sharp({ create: { width: 60, height: 20, channels: 3, background: 'teal' } }).withExif({});
    await lying.withMetadata({ orientation: 6 }).jpeg().toFile(join(dir, 'b.jpg'));
    await metadata('{"file_name": "a.svg", "text": "square"}\n{"file_name": "b.jpg", "text": "tower"}\n');
    await build();
    const dataset = new Dataset(join(dirname(dir), 'out'));
    const alpha = (picture: Uint8Array, x: number, y: number) => picture[(y * PICTURE_SIZE + x) * 4 + 3];
    expect([dataset.read(0), dataset.read(1)].map((it) => [alpha(it, 8, 64), alpha(it, 64, 8)])).toEqual([
      [255, 255],
      [0, 255],
    ]);
    dataset.close();
  });

  test('lines that are broken are left out', async () => {
    await metadata(
      'hello\n{"text": "a"}\n{"file_name": "a.png", "text": " "}\n{"file_name": 3}\n{"file_name": "a.png", "text": "a"}\n',
    );
    const { samples, leftOut } = await read();
    expect([...samples.keys()]).toEqual(['a.png']);
    expect(leftOut).toEqual([
      '2: a line without "file_name", or with something else than text in it (metadata.jsonl line 2, metadata.jsonl line 4)',
      '1: a line that is no JSON (metadata.jsonl line 1)',
      '1: a line without a caption: expected "text" or "caption" beside "file_name" (metadata.jsonl line 3)',
    ]);
  });

  test('another encoding is refused, and so is a folder in which nothing is left', async () => {
    await metadata(Buffer.from('{"file_name": "a.png", "text": "caf\xe9"}\n', 'latin1'));
    await refused(/metadata\.jsonl is not UTF-8/);
    await metadata('');
    await expect(build()).rejects.toThrow(
      /no picture to learn from\nleft out 1: a file in which nothing stands \(metadata\.jsonl\)/,
    );
  });

  test('of another encoding the line is named, and what makes it UTF-8', async () => {
    const line = '{"file_name": "a.png", "text": "cat"}\n';
    for (const before of [0, 3, 4000]) {
      const latin1 = Buffer.from(`© ${line}`, 'latin1');
      await metadata(Buffer.concat([Buffer.from('{"text": "€"}\n'.repeat(before)), latin1]));
      await refused(new RegExp(`metadata\\.jsonl is not UTF-8, line ${before + 1}\\. If "© {.*Windows-1252.*iconv`));
    }
    await metadata(Buffer.from(`${line}{"text": "café`).subarray(0, -1));
    await refused(/is not UTF-8, line 2\. .*it is damaged/);
    for (const mark of ['\uFEFF', '']) {
      await metadata(Buffer.from(mark + line, 'utf16le'));
      await refused(/metadata\.jsonl is UTF-16, not UTF-8: iconv -f UTF-16 -t UTF-8/);
    }
  });

  test('pictures that no line names are told of', async () => {
    await pictures('train/1.png', 'train/2.png', 'notes/3.JPG');
    await metadata('{"file_name": "./1.png", "text": "a cat"}', 'train/metadata.jsonl');
    const { samples, leftOut } = await read();
    expect([...samples.keys()]).toEqual(['train/1.png']);
    expect(leftOut).toHaveLength(1);
    expect(leftOut[0]).toMatch(/^2: a picture that no line names \((train\/2\.png|, |notes\/3\.JPG){3}\)$/);
    expect(await readdir(dirname(dir))).not.toContain('scratch');
  });
});

describe('a folder', () => {
  test.each([
    ['coco', 'coco'],
    ['wit', 'wit'],
    ['cornell', 'cornell'],
    ['scixgen', 'scixgen'],
    ['recipe1m', 'recipe1m'],
  ])('of %s is known by its files', async (fixture, name) => {
    await published(fixture);
    expect(findLoader(dir).name).toBe(name);
    expect(() => findLoader(dir, 'imagefolder')).toThrow(
      /is not laid out as Hugging Face's .*: expected metadata\.jsonl/,
    );
  });

  test('of two kinds wants to be named', async () => {
    await published('coco');
    await published('recipe1m');
    expect(() => findLoader(dir)).toThrow(/may be coco or recipe1m: say which with --format/);
    expect(findLoader(dir, 'coco').name).toBe('coco');
  });

  test('without captions is refused with what would be right', async () => {
    await pictures('a.png');
    expect(() => findLoader(dir)).toThrow(
      /no captions that we know; expected one of\n {2}imagefolder: metadata\.jsonl/,
    );
    await appendFile(join(dir, 'VOC.xml'), '<annotation/>');
    expect(() => findLoader(dir)).toThrow(InputError);
    expect(() => findLoader(join(dir, 'nowhere'))).toThrow(/nowhere is no folder/);
  });
});
