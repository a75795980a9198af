import { open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../../errors.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { float16FromFloats, floatFromBfloat16, floatFromFloat16 } from './half.ts';

/** A .safetensors file that is missing, cut off or malformed. */
export class SafetensorsError extends InputError {
  override name = 'SafetensorsError';
}

const BYTES = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};
export type Dtype = keyof typeof BYTES;

/** Where a tensor lies in its file. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** The file that holds it. */
  readonly path: string;
  /** First byte, counted from the start of the file. */
  readonly offset: number;
  /** In bytes. */
  readonly length: number;
}

const Entry = z.strictObject({
  dtype: z.enum(Object.keys(BYTES) as Dtype[]),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});
const Header = z.object({ __metadata__: z.record(z.string(), z.string()).optional() }).catchall(Entry);

const MAX_HEADER_BYTES = 100_000_000;

/** `unet/diffusion_pytorch_model.safetensors`: folder and name, enough to find it in a model. */
export const shortPath = (path: string) => join(basename(dirname(path)), basename(path));

/**
 * Reads the header of a .safetensors file: 8 bytes length, JSON, then the tensors' bytes without gaps.
 * @throws SafetensorsError naming file, tensor, what was expected and what was found
 */
export async function readSafetensorsHeader(path: string): Promise<Map<string, TensorEntry>> {
  const { header, ...where } = await readHeader(path);
  const { __metadata__, ...entries } = header;
  return locateTensors(Object.entries(entries), where);
}

/** The texts in the header of a .safetensors file. */
export const readMetadata = async (path: string): Promise<Readonly<Record<string, string>>> =>
  (await readHeader(path)).header.__metadata__ ?? {};

async function readHeader(path: string) {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw new SafetensorsError(`${shortPath(path)}: ${error.code === 'ENOENT' ? 'missing file' : error.message}`);
  });
  try {
    const { size } = await file.stat();
    const prefix = Buffer.alloc(8);
    await file.read(prefix, 0, 8, 0);
    const headerBytes = size < 8 ? 0 : Number(prefix.readBigUInt64LE());
    if (headerBytes < 2 || headerBytes > Math.min(MAX_HEADER_BYTES, size - 8)) {
      const found = `${headerBytes} bytes of header in a file of ${size}`;
      throw new SafetensorsError(`${shortPath(path)}: not a safetensors file, or cut off: found ${found}`);
    }
    const header = Buffer.alloc(headerBytes);
    await file.read(header, 0, headerBytes, 8);
    return { header: parseHeader(header, path), path, start: 8 + headerBytes, size };
  } finally {
    await file.close();
  }
}

function parseHeader(header: Buffer, path: string): z.infer<typeof Header> {
  let json: unknown;
  try {
    json = JSON.parse(header.toString('utf8'));
  } catch (error) {
    throw new SafetensorsError(`${shortPath(path)}: the header is not JSON: ${(error as Error).message}`);
  }
  const parsed = Header.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new SafetensorsError(`${shortPath(path)}: header: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  return parsed.data;
}

function locateTensors(
  header: [string, z.infer<typeof Entry>][],
  { path, start, size }: { path: string; start: number; size: number },
): Map<string, TensorEntry> {
  const refuse = (what: string) => new SafetensorsError(`${shortPath(path)}: ${what}`);
  const tensors = new Map<string, TensorEntry>();
  let end = 0;
  for (const [name, { dtype, shape, data_offsets }] of header.sort(
    (a, b) => a[1].data_offsets[0] - b[1].data_offsets[0],
  )) {
    const length = shape.reduce((a, b) => a * b, BYTES[dtype]);
    const [from, to] = data_offsets;
    if (to - from !== length) {
      throw refuse(`${name}: expected ${length} bytes for ${dtype} (${shape.join(', ')}), found ${to - from}`);
    }
    if (from !== end)
      throw refuse(`${name}: expected to begin at byte ${end}, where the one before ends, found ${from}`);
    end = to;
    if (start + end > size) {
      throw refuse(`${name}: expected to end at byte ${start + end}, found a file of ${size} bytes: it is cut off`);
    }
    tensors.set(name, { name, dtype, shape, path, offset: start + from, length });
  }
  if (start + end !== size) throw refuse(`expected ${start + end} bytes, found ${size}`);
  return tensors;
}

/** A tensor's values as float32; F64 and integers are rounded to it. */
export async function readTensor(entry: TensorEntry): Promise<Tensor> {
  return tensor(toFloat32(await readBytes(entry), entry.dtype), entry.shape);
}

/** The values of an integer tensor (I64, I32, U8, BOOL …), row major. */
export async function readIntegers(entry: TensorEntry): Promise<number[]> {
  return Array.from(integersFrom(await readBytes(entry), entry.dtype), Number);
}

/** All tensors of a small file, such as expected values of a test, as float32. */
export async function readSafetensors(path: string): Promise<Map<string, Tensor>> {
  const tensors = new Map<string, Tensor>();
  for (const entry of (await readSafetensorsHeader(path)).values()) tensors.set(entry.name, await readTensor(entry));
  return tensors;
}

async function readBytes({ name, path, offset, length }: TensorEntry): Promise<ArrayBuffer> {
  const file = await open(path);
  try {
    const bytes = new Uint8Array(length);
    const { bytesRead } = await file.read(bytes, 0, length, offset);
    if (bytesRead !== length) {
      throw new SafetensorsError(`${shortPath(path)}: ${name}: expected ${length} bytes, found ${bytesRead}`);
    }
    return bytes.buffer;
  } finally {
    await file.close();
  }
}

function toFloat32(bytes: ArrayBuffer, dtype: Dtype): Float32Array {
  if (dtype === 'F32') return new Float32Array(bytes);
  if (dtype === 'F64') return Float32Array.from(new Float64Array(bytes));
  if (dtype === 'F16') return Float32Array.from(new Uint16Array(bytes), floatFromFloat16);
  if (dtype === 'BF16') return Float32Array.from(new Uint16Array(bytes), floatFromBfloat16);
  return Float32Array.from(integersFrom(bytes, dtype), Number);
}

function integersFrom(bytes: ArrayBuffer, dtype: Dtype): ArrayLike<number | bigint> {
  switch (dtype) {
    case 'I64':
      return new BigInt64Array(bytes);
    case 'U64':
      return new BigUint64Array(bytes);
    case 'I32':
      return new Int32Array(bytes);
    case 'U32':
      return new Uint32Array(bytes);
    case 'I16':
      return new Int16Array(bytes);
    case 'U16':
      return new Uint16Array(bytes);
    case 'I8':
      return new Int8Array(bytes);
    case 'U8':
    case 'BOOL':
      return new Uint8Array(bytes);
    default:
      throw new TypeError(`${dtype} holds no integers`);
  }
}

export interface WriteOptions {
  /** Half precision takes half the room. */
  readonly dtype?: 'F32' | 'F16';
  /** Texts for the header; transformers wants `format: pt` there. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A tensor whose values are made while they are written: of one that is larger than memory only a chunk is held. */
export interface StreamedTensor {
  readonly shape: readonly number[];
  /** Where it isn't that of the file. */
  readonly dtype?: Dtype;
  /** All values, in order. */
  chunks(): Iterable<Float32Array> | AsyncIterable<Values>;
}

type Values = Float32Array | Int32Array | Int8Array | Uint8Array | Uint16Array;

/** Writes tensors, in the given order, with a header padded to 8 bytes as other writers do. */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor | StreamedTensor>,
  { dtype = 'F32', metadata }: WriteOptions = {},
): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(encodeHeader(tensors, dtype, metadata));
    for (const tensor of tensors.values()) {
      const half = dtype === 'F16' && !('dtype' in tensor);
      for await (const values of 'data' in tensor ? [tensor.data] : tensor.chunks()) {
        await file.writeFile(bytesOf(half ? float16FromFloats(values as Float32Array) : values));
      }
    }
  } finally {
    await file.close();
  }
}

function encodeHeader(
  tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly dtype?: Dtype }>,
  ofFile: Dtype,
  metadata: WriteOptions['metadata'],
): Buffer {
  const entries: Record<string, z.infer<typeof Entry>> = {};
  let end = 0;
  for (const [name, { shape, dtype = ofFile }] of tensors) {
    const start = end;
    end += shape.reduce((a, b) => a * b, BYTES[dtype]);
    entries[name] = { dtype, shape: [...shape], data_offsets: [start, end] };
  }
  const json = JSON.stringify({ ...(metadata && { __metadata__: metadata }), ...entries });
  const header = Buffer.from(json.padEnd(json.length + ((8 - (Buffer.byteLength(json) % 8)) % 8)));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([prefix, header]);
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Values) => Buffer.from(buffer, byteOffset, byteLength);
