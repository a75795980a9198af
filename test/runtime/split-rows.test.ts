import { expect, test } from 'vitest';
import { joinRows, splitRows } from '../../src/engine/runtime/split-rows.ts';
import { tensor } from '../../src/engine/tensor.ts';

const counting = (rows: number, width: number) =>
  tensor(
    Float32Array.from({ length: rows * width }, (_, i) => i),
    [rows, width],
  );

test.each([
  [8, 2, [4, 4]],
  [3, 2, [2, 1]],
  [5, 4, [1, 2, 1, 1]],
  [2, 8, [1, 1]],
])('%d rows in %d parts: %j, and joined they are what they were', (rows, parts, expected) => {
  const inputs = {
    sample: counting(rows, 3),
    ids: { data: Int32Array.from({ length: rows }, (_, i) => i), shape: [rows] },
  };
  const split = splitRows(inputs, parts);
  expect(split.map(({ sample }) => sample!.shape)).toEqual(expected.map((n) => [n, 3]));
  expect(split.map(({ ids }) => ids!.shape)).toEqual(expected.map((n) => [n]));
  expect(split[0]!.ids!.data).toBeInstanceOf(Int32Array);
  const joined = joinRows(split.map(({ sample }) => ({ sample: sample as ReturnType<typeof counting> })));
  expect(joined.sample).toEqual(inputs.sample);
});

test('a part is a copy: its memory can be given away', () => {
  const sample = counting(4, 1);
  const [first] = splitRows({ sample }, 2);
  expect(first!.sample!.data.buffer).not.toBe(sample.data.buffer);
  expect(first!.sample!.data.buffer.byteLength).toBe(8);
});

test('one row, and inputs that are not all of rows, stay whole', () => {
  const one = { sample: counting(1, 2) };
  expect(splitRows(one, 2)).toEqual([one]);
  const text = { ids: counting(4, 2), positions: counting(1, 2) };
  expect(splitRows(text, 2)).toEqual([text]);
});
