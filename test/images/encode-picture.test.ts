import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { decodePicture } from '../../src/engine/images/decode-picture.ts';
import { encodePng, encodePreview, pictureFromTensor, readRecipe } from '../../src/engine/images/encode-picture.ts';
import { composeOn, type Picture } from '../../src/engine/images/picture.ts';
import { tensor } from '../../src/engine/tensor.ts';
import { InputError } from '../../src/errors.ts';
import type { Recipe } from '../../src/recipe.ts';

const picture: Picture = { width: 2, height: 1, data: Uint8Array.of(255, 0, 0, 255, 0, 80, 0, 128) };
const recipe: Recipe = {
  version: 1,
  operation: 'imagine',
  prompt: 'ein rotes Herz – „schön“ 🫀',
  seed: 2 ** 53 - 1,
  steps: 20,
  guidanceScale: 3,
  priorGuidanceScale: 3,
  sampler: 'ddim',
  model: 'v0',
};

describe('pictureFromTensor', () => {
  test('three channels: opaque, rounded and clamped', () => {
    const { data } = pictureFromTensor(tensor(Float32Array.of(-1, 1, 0, 3, -3, 0.5), [1, 3, 1, 2]));
    expect([...data]).toEqual([0, 128, 0, 255, 255, 255, 191, 255]);
  });

  test('four channels: the colour that was seen on white comes back where it is composed on white', () => {
    const channel = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(channel, channel, (colour, alpha) => {
        const onWhite = alpha * colour + (1 - alpha);
        const x = Float32Array.of(onWhite, onWhite, onWhite, alpha).map((value) => 2 * value - 1);
        const drawn = pictureFromTensor(tensor(x, [1, 4, 1, 1]));
        expect(drawn.data[3]).toBe(Math.round(255 * alpha));
        expect(Math.abs(composeOn(drawn).data[0]! - 255 * onWhite)).toBeLessThan(1.1);
        expect(Math.abs(composeOn(drawn, [0, 0, 0]).data[0]! - 255 * alpha * colour)).toBeLessThan(2.1);
      }),
    );
  });

  test('is for one picture at a time', () => {
    expect(() => pictureFromTensor(tensor(new Float32Array(24), [2, 3, 2, 2]))).toThrow('found (2, 3, 2, 2)');
  });
});

describe('encodePng', () => {
  test('keeps every byte, transparency too', async () => {
    expect(Buffer.from((await decodePicture(await encodePng(picture, recipe), 'x')).data)).toEqual(
      Buffer.from(picture.data),
    );
  });

  test('writes three channels where nothing is transparent', async () => {
    expect((await sharp(await encodePng(composeOn(picture))).metadata()).channels).toBe(3);
    expect((await sharp(await encodePng(picture)).metadata()).channels).toBe(4);
  });

  test('a recipe comes back as it was', async () => {
    expect(readRecipe(await encodePng(picture, recipe), 'x.png')).toEqual(recipe);
  });

  test('other programs read the file and its text', async () => {
    const { comments } = await sharp(await encodePng(picture, recipe)).metadata();
    expect(comments).toContainEqual({ keyword: 'unclip-recipe', text: JSON.stringify(recipe) });
    expect(comments).toContainEqual({ keyword: 'Software', text: 'unclip-discord' });
  });
});

describe('readRecipe', () => {
  test('undefined for pictures from elsewhere', async () => {
    expect(readRecipe(await encodePng(picture), 'x.png')).toBeUndefined();
    expect(readRecipe(Buffer.from('no picture'), 'x.png')).toBeUndefined();
    expect(readRecipe(new Uint8Array(), 'x.png')).toBeUndefined();
  });

  test('a damaged or foreign recipe is refused', async () => {
    const png = await encodePng(picture, recipe);
    const flipped = Buffer.from(png);
    flipped[png.indexOf('"seed"') + 10]! ^= 1;
    expect(() => readRecipe(flipped, 'x.png')).toThrow('x.png: the recipe in the picture is damaged');
    const newer = await encodePng(picture, { ...recipe, version: 2 } as unknown as Recipe);
    expect(() => readRecipe(newer, 'x.png')).toThrow(InputError);
    expect(() => readRecipe(newer, 'x.png')).toThrow('none that this version can read');
  });

  test('of any damaged file it reads the recipe, none, or says that it is damaged', async () => {
    const png = await encodePng(picture, recipe);
    fc.assert(
      fc.property(fc.nat(png.length - 1), fc.nat(255), fc.nat(png.length), (at, value, length) => {
        const bytes = Buffer.from(png);
        bytes[at] = value;
        try {
          const read = readRecipe(bytes.subarray(0, length), 'x.png');
          if (read !== undefined) expect(read).toEqual(recipe);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
    );
  });
});

test('a preview is enlarged, small in bytes, and as transparent as the picture', async () => {
  const preview = await encodePreview({ width: 20, height: 10, data: new Uint8Array(800).fill(90) });
  expect(await sharp(preview).metadata()).toMatchObject({ format: 'webp', width: 256, height: 128, hasAlpha: true });
  expect(preview.length).toBeLessThan(10_000);
});
