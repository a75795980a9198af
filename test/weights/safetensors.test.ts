import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { floatFromFloat16 } from '../../src/engine/weights/half.ts';
import {
  readIntegers,
  readSafetensors,
  readSafetensorsHeader,
  readTensor,
  SafetensorsError,
  writeSafetensors,
} from '../../src/engine/weights/safetensors.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'safetensors-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function write(header: unknown, data: ArrayBufferView): Promise<string> {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  const path = join(dir, 'weights.safetensors');
  await writeFile(path, Buffer.concat([prefix, json, Buffer.from(data.buffer)]));
  return path;
}

const refusal = async (path: string) => {
  const error: unknown = await readSafetensorsHeader(path).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(SafetensorsError);
  return (error as SafetensorsError).message.replace(/^safetensors-\w+\//, '');
};

test('what is written is read again, names and shapes included', async () => {
  const path = join(dir, 'written.safetensors');
  const tensors = new Map([
    ['einer', { data: Float32Array.of(1.5, -2, 3e-9, 4, 5, 6), shape: [2, 3] }],
    ['größe', { data: Float32Array.of(7), shape: [] }],
    ['leer', { data: new Float32Array(0), shape: [0, 4] }],
  ]);
  await writeSafetensors(path, tensors);
  expect(await readSafetensors(path)).toEqual(tensors);
});

test('written in half precision, every such number comes back as it was, others as the nearest one', async () => {
  const path = join(dir, 'half.safetensors');
  const halves = Float32Array.from({ length: 0x7c00 }, (_, bits) => floatFromFloat16(bits));
  const between = [1 + 1 / 2048, 1 + 3 / 2048, 1.0009, 65519, 65520, 2 ** -25, 3 * 2 ** -25, -(2 ** -14) + 2 ** -26];
  const tensors = new Map([
    ['halves', { data: halves, shape: [halves.length] }],
    ['between', { data: Float32Array.from(between), shape: [between.length] }],
  ]);
  await writeSafetensors(path, tensors, { dtype: 'F16', metadata: { format: 'pt' } });
  const found = await readSafetensors(path);
  expect(found.get('halves')!.data).toEqual(halves);
  const nearest = [1, 1 + 1 / 512, 1 + 1 / 1024, 65504, Number.POSITIVE_INFINITY, 0, 2 ** -23, -(2 ** -14)];
  expect([...found.get('between')!.data]).toEqual(nearest);
});

test('half precisions are read exactly, with zeros, subnormals and infinities', async () => {
  const bits = {
    F16: [0x3c00, 0xc100, 0x0001, 0x83ff, 0x7bff, 0xfc00],
    BF16: [0x3f80, 0xc020, 0x0001, 0x8000, 0x7f7f, 0xff80],
  };
  const expected = {
    F16: [1, -2.5, 2 ** -24, -1023 * 2 ** -24, 65504, Number.NEGATIVE_INFINITY],
    BF16: [1, -2.5, 2 ** -133, -0, 255 * 2 ** 120, Number.NEGATIVE_INFINITY],
  };
  for (const dtype of ['F16', 'BF16'] as const) {
    const path = await write({ x: { dtype, shape: [6], data_offsets: [0, 12] } }, Uint16Array.from(bits[dtype]));
    const x = (await readSafetensorsHeader(path)).get('x')!;
    expect([...(await readTensor(x)).data]).toEqual(expected[dtype]);
  }
});

test('integers are read as numbers', async () => {
  const data = BigInt64Array.of(-1n, 49407n, 2n ** 53n - 1n);
  const path = await write({ ids: { dtype: 'I64', shape: [3], data_offsets: [0, 24] } }, data);
  const ids = (await readSafetensorsHeader(path)).get('ids')!;
  expect(await readIntegers(ids)).toEqual([-1, 49407, Number.MAX_SAFE_INTEGER]);
});

test('a missing file is named', async () => {
  expect(await refusal(join(dir, 'nowhere.safetensors'))).toBe('nowhere.safetensors: missing file');
});

test('a file cut off in its tensors names the first that is not whole', async () => {
  const header = {
    a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
    b: { dtype: 'F32', shape: [2], data_offsets: [8, 16] },
  };
  const path = await write(header, new Float32Array(4));
  const start = 8 + JSON.stringify(header).length;
  await truncate(path, start + 12);
  expect(await refusal(path)).toBe(
    `weights.safetensors: b: expected to end at byte ${start + 16}, found a file of ${start + 12} bytes: it is cut off`,
  );
});

test('a file cut off in its header, an empty one and one of another kind are refused', async () => {
  const path = await write({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, new Float32Array(2));
  await truncate(path, 20);
  expect(await refusal(path)).toMatch(/not a safetensors file, or cut off: found \d+ bytes of header in a file of 20/);
  await truncate(path, 0);
  expect(await refusal(path)).toMatch(/found 0 bytes of header in a file of 0/);
  await writeFile(path, 'version https://git-lfs.github.com/spec/v1\n');
  expect(await refusal(path)).toMatch(/not a safetensors file/);
});

const entry = (dtype: string, shape: number[], from: number, to: number) => ({
  dtype,
  shape,
  data_offsets: [from, to],
});

test.each([
  ['a header that is no JSON', '{"a": ', /the header is not JSON/],
  ['a header that is a list', [1, 2, 3], /header: .*object/],
  ['an unknown type', { a: entry('F4', [2], 0, 8) }, /header: a\.dtype: /],
  ['a negative offset', { a: entry('F32', [2], -4, 4) }, /header: a\.data_offsets\.0: /],
  ['bytes that don’t fit the shape', { a: entry('F32', [3], 0, 8) }, /a: expected 12 bytes for F32 \(3\), found 8/],
  [
    'tensors that overlap',
    { a: entry('F32', [2], 0, 8), b: entry('F32', [2], 4, 12) },
    /b: expected to begin at byte 8, .*found 4/,
  ],
  ['a gap', { a: entry('F32', [1], 0, 4), b: entry('F32', [1], 12, 16) }, /b: expected to begin at byte 4, .*found 12/],
  [
    'offsets beyond the file',
    { a: entry('F32', [99], 0, 396) },
    /a: expected to end at byte \d+, found a file of \d+ bytes/,
  ],
  ['bytes that belong to no tensor', { a: entry('F32', [2], 0, 8) }, /expected \d+ bytes, found \d+/],
])('%s is refused', async (_, header, message) => {
  expect(await refusal(await write(header, new Float32Array(4)))).toMatch(message);
});
