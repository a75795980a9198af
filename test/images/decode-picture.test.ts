import { crc32, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { decodePicture } from '../../src/engine/images/decode-picture.ts';
import { InputError } from '../../src/errors.ts';

/** Left half red, right half blue, the lower half of it half transparent. */
const [WIDTH, HEIGHT] = [8, 4];
const pixels = Buffer.from(
  Array.from({ length: WIDTH * HEIGHT }, (_, i) => {
    const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
    return [...(x < WIDTH / 2 ? [255, 0, 0] : [0, 0, 255]), y < HEIGHT / 2 ? 255 : 128];
  }).flat(),
);
const original = () => sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 4 } });

/** A PNG of one grey bit a pixel, all black: few bytes, many pixels. */
function vastPng(side: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, crc] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    crc.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, crc]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc(side * (Math.ceil(side / 8) + 1)));
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
}

describe('decodes', () => {
  test('PNG and lossless WebP to their very bytes', async () => {
    for (const bytes of [await original().png().toBuffer(), await original().webp({ lossless: true }).toBuffer()]) {
      const picture = await decodePicture(bytes, 'picture');
      expect(picture).toMatchObject({ width: WIDTH, height: HEIGHT });
      expect(Buffer.from(picture.data)).toEqual(pixels);
    }
  });

  test('JPEG and GIF', async () => {
    for (const bytes of [await original().removeAlpha().jpeg().toBuffer(), await original().gif().toBuffer()]) {
      const { data, width } = await decodePicture(bytes, 'picture');
      expect(width).toBe(WIDTH);
      expect(data.subarray(0, 4)).toBeAllClose([255, 0, 0, 255], { atol: 6 });
    }
  });

  test('grey, palettes and 16 bits as RGBA of 8 bits', async () => {
    for (const png of [
      original().removeAlpha().greyscale().png(),
      original().removeAlpha().png({ palette: true }),
      original().removeAlpha().toColourspace('rgb16').png(),
      original().removeAlpha().toColourspace('grey16').png(),
    ]) {
      const picture = await decodePicture(await png.toBuffer(), 'picture.png');
      expect(picture.data).toHaveLength(4 * WIDTH * HEIGHT);
      expect(picture.data[3]).toBe(255);
      expect(picture.data[0]).toBeGreaterThan(picture.data[4 * WIDTH - 4]!);
    }
  });

  test('the first frame of an animation', async () => {
    const frames = [
      [0, 200, 0],
      [200, 0, 0],
    ].map(([r, g, b]) => ({
      create: { width: 6, height: 5, channels: 3 as const, background: { r: r!, g: g!, b: b! } },
    }));
    const stacked = sharp(await Promise.all(frames.map((frame) => sharp(frame).png().toBuffer())), {
      join: { animated: true },
    });
    for (const bytes of [await stacked.clone().gif().toBuffer(), await stacked.clone().webp().toBuffer()]) {
      expect((await sharp(bytes).metadata()).pages).toBe(2);
      const picture = await decodePicture(bytes, 'animation');
      expect(picture).toMatchObject({ width: 6, height: 5 });
      expect(picture.data[1]).toBeGreaterThan(picture.data[0]!);
    }
  });

  test('turned as its EXIF orientation says', async () => {
    const turned = await original().removeAlpha().withMetadata({ orientation: 6 }).jpeg().toBuffer();
    expect(await decodePicture(turned, 'photo.jpg')).toMatchObject({ width: HEIGHT, height: WIDTH });
  });
});

describe('refuses, with a message that names the file and what would be right', () => {
  const refusal = async (bytes: Uint8Array, name: string) => {
    const error = await decodePicture(bytes, name).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(InputError);
    return (error as InputError).message;
  };

  test.each([
    ['heart.png', Buffer.alloc(0), 'heart.png: the file is empty, expected a PNG, JPEG, WebP or GIF picture'],
    ['notes.png', Buffer.from('Dear diary,\n'), 'notes.png: expected a PNG, JPEG, WebP or GIF picture, found text'],
    ['a.svg', Buffer.from('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'), 'found an SVG drawing'],
    ['a.bmp', Buffer.from('BM\0\0\0\0'), 'found a BMP picture'],
    ['a.heic', Buffer.from('\0\0\0\x18ftypheic'), 'found an AVIF or HEIC picture'],
    ['a.bin', Buffer.from([1, 2, 3, 0]), 'found something else'],
    ['huge.png', Buffer.alloc(32 * 2 ** 20 + 1), 'huge.png: the file has 33 MiB, expected at most 32 MiB'],
  ])('%s', async (name, bytes, message) => {
    expect(await refusal(bytes, name)).toContain(message);
  });

  test('TIFF and SVG that sharp itself could read', async () => {
    expect(await refusal(await original().tiff().toBuffer(), 'scan.png')).toContain('found a TIFF picture');
  });

  test('files that were cut off', async () => {
    const noise = sharp(Buffer.from(Array.from({ length: 30_000 }, (_, i) => (i * 7919) % 256)), {
      raw: { width: 100, height: 100, channels: 3 },
    });
    const files = {
      PNG: noise.clone().png(),
      JPEG: noise.clone().jpeg(),
      WebP: noise.clone().webp(),
      GIF: noise.clone().gif(),
    };
    for (const [format, file] of Object.entries(files)) {
      const bytes = await file.toBuffer();
      for (const part of [0.1, 0.5, 0.9]) {
        const message = await refusal(bytes.subarray(0, bytes.length * part), 'part');
        expect(message).toBe(`part: the ${format} picture is damaged or cut off, expected a complete file`);
      }
    }
  });

  test('more pixels than fit into memory, before it decodes any', async () => {
    const bytes = vastPng(20_000);
    expect(bytes.length).toBeLessThan(100_000);
    expect(await refusal(bytes, 'vast.png')).toBe(
      'vast.png: the picture has 20000 × 20000 pixels, expected at most 50 million in all, such as 7000 × 7000',
    );
    expect(await decodePicture(vastPng(100), 'small.png')).toMatchObject({ width: 100, height: 100 });
  });
});

test('whatever the bytes, it decodes them or throws an InputError', async () => {
  const files = [
    await original().png().toBuffer(),
    await original().jpeg().toBuffer(),
    await original().gif().toBuffer(),
  ];
  const damaged = fc
    .tuple(fc.constantFrom(...files), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }))
    .map(([file, changes]) => {
      const bytes = Uint8Array.from(file);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      return bytes;
    });
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), async (bytes) => {
      const result = await decodePicture(bytes, 'file').catch((error: unknown) => error);
      if (result instanceof Error) expect(result).toBeInstanceOf(InputError);
    }),
    { numRuns: 200 },
  );
});
