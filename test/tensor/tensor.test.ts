import { expect, test } from 'vitest';
import { concatChannels, tensor } from '../../src/engine/tensor.ts';

const image = (rows: number[][][], [height, width]: [number, number]) =>
  tensor(Float32Array.from(rows.flat(2)), [rows.length, rows[0]!.length, height, width]);

test('channels of the same row are joined', () => {
  const a = image([[[1, 2]], [[3, 4]]], [1, 2]);
  const b = image(
    [
      [
        [5, 6],
        [7, 8],
      ],
      [
        [9, 10],
        [11, 12],
      ],
    ],
    [1, 2],
  );
  const joined = concatChannels([a, b]);
  expect(joined.shape).toEqual([2, 3, 1, 2]);
  expect([...joined.data]).toEqual([1, 2, 5, 6, 7, 8, 3, 4, 9, 10, 11, 12]);
});

test('images of other sizes, or of more rows, cannot be joined', () => {
  const a = image([[[1, 2]]], [1, 2]);
  expect(() => concatChannels([a, image([[[1], [2]]], [1, 1])])).toThrow('cannot join (1, 2, 1, 1) with (1, 1, 1, 2)');
  expect(() => concatChannels([a, image([[[1, 2]], [[1, 2]]], [1, 2])])).toThrow('cannot join (2, 1, 1, 2)');
});
