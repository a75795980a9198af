import { describe, expect, test } from 'vitest';
import { tensorFromPicture } from '../../src/engine/images/picture-tensor.ts';
import { resizeBicubic } from '../../src/engine/images/resample.ts';
import { tensor } from '../../src/engine/tensor.ts';

/** Colours that no filter can guess. */
function picture(width: number, height: number, alpha = 255) {
  const data = new Uint8Array(4 * width * height).fill(alpha);
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    for (let c = 0; c < 3; c++) data[4 * i + c] = x * 37 + y * 61 + c * 17 + x * y;
  }
  return { data, width, height };
}

describe('tensorFromPicture', () => {
  // PIL.Image.resize(…, BICUBIC, reducing_gap=1) of the same picture: columns first, rows first, by a whole factor and
  // a rest, by a whole factor alone
  const pillow = {
    '5×9 → 6×5': [
      25, 42, 58, 52, 69, 95, 92, 110, 132, 129, 140, 157, 157, 164, 181, 176, 193, 210, 138, 155, 175, 173, 190, 131,
      147, 174, 151, 145, 101, 124, 148, 49, 66, 65, 87, 104, 191, 60, 80, 110, 95, 55, 65, 88, 75, 76, 98, 120, 120,
      147, 164, 160, 177, 194, 91, 108, 135, 133, 150, 176, 147, 174, 194, 171, 127, 143, 174, 75, 92, 95, 117, 134,
      209, 226, 102, 139, 156, 143, 61, 79, 103, 51, 63, 80, 95, 102, 119, 118, 136, 153,
    ],
    '6×5 → 4×4': [
      19, 36, 53, 71, 89, 106, 135, 163, 180, 197, 173, 190, 93, 111, 134, 163, 170, 193, 187, 139, 156, 159, 73, 90,
      183, 206, 158, 132, 139, 95, 90, 35, 59, 71, 103, 120, 179, 60, 52, 48, 74, 69, 103, 128, 148, 173, 189, 206,
    ],
    '13×9 → 4×3': [
      103, 116, 133, 149, 115, 129, 104, 123, 110, 118, 135, 133, 114, 106, 96, 124, 138, 151, 135, 121, 117, 141, 138,
      131, 129, 144, 135, 121, 110, 123, 138, 125, 118, 118, 116, 135,
    ],
    '9×7 → 4×3': [
      71, 90, 98, 140, 135, 155, 156, 134, 131, 90, 101, 86, 153, 147, 119, 110, 93, 112, 103, 129, 140, 161, 132, 138,
      119, 94, 114, 154, 127, 146, 100, 120, 123, 122, 143, 137,
    ],
    '8×6 → 4×3': [
      49, 66, 83, 124, 141, 158, 199, 152, 169, 82, 99, 52, 172, 189, 142, 123, 76, 93, 74, 91, 108, 153, 170, 187, 103,
      56, 73, 122, 139, 156, 141, 158, 175, 96, 113, 66,
    ],
  };
  test.each(Object.entries(pillow))('resizes as Pillow does: %s', (sizes, expected) => {
    const [width, height, newWidth, newHeight] = sizes.match(/\d+/g)!.map(Number) as [number, number, number, number];
    const { data, shape } = tensorFromPicture(picture(width, height), 3, newHeight, newWidth);
    expect(shape).toEqual([1, 3, newHeight, newWidth]);
    const pixels = newWidth * newHeight;
    const bytes = Array.from(data, (_, i) => data[(i % 3) * pixels + Math.floor(i / 3)]! * 127.5 + 127.5);
    expect(bytes).toBeAllClose(expected, { atol: 1e-4 });
  });

  test('composes on white, and keeps how opaque it is where there is a channel for that', () => {
    const half = { data: Uint8Array.of(0, 0, 0, 51), width: 1, height: 1 };
    expect(tensorFromPicture(half, 3, 1, 1).data).toBeAllClose([0.6, 0.6, 0.6], { atol: 1e-6 });
    expect(tensorFromPicture(half, 4, 1, 1).data).toBeAllClose([0.6, 0.6, 0.6, -0.6], { atol: 1e-6 });
  });
});

test('resizeBicubic gives what torch gives, both ways', () => {
  const x = tensor(
    Float32Array.from({ length: 6 }, (_, i) => i ** 2 / 10 - 1),
    [1, 1, 2, 3],
  );
  expect(resizeBicubic(x, 4, 6).data).toBeAllClose(
    [
      -1.083564, -1.075891, -1.059744, -0.974427, -0.831151, -0.763495, -0.833361, -0.780297, -0.668086, -0.479951,
      -0.24061, -0.127563, -0.337227, -0.194155, 0.108544, 0.500562, 0.930391, 1.133445, -0.087024, 0.101438, 0.500202,
      0.995038, 1.520932, 1.769377,
    ],
    { atol: 1e-5 },
  );
  expect(resizeBicubic(x, 1, 2).data).toBeAllClose([-0.434109, 0.2561], { atol: 1e-5 });
});

test('channels and rows are resized each for itself', () => {
  const plane = (value: number) => Array<number>(4).fill(value);
  const x = tensor(Float32Array.from([1, 2, 3, 4].flatMap(plane)), [2, 2, 2, 2]);
  const { data, shape } = resizeBicubic(x, 1, 3);
  expect(shape).toEqual([2, 2, 1, 3]);
  expect(data).toBeAllClose([1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4], { atol: 1e-6 });
});
