import { createHash } from 'node:crypto';
import { open, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { InputError } from '../../errors.ts';
import { unlessMissing } from '../unless-missing.ts';
import type { Component } from '../weights/component.ts';
import { shortPath } from '../weights/safetensors.ts';

/** Weights, whatever their network. */
type Checkpoint = Pick<Component<unknown>, 'name' | 'tensors'>;

/** What went through a layer while its model was calibrated. */
const LayerRanges = z.strictObject({
  /** Least and greatest of all inputs. */
  input: z.tuple([z.number(), z.number()]),
  /** Of each channel that a convolution gives: least and greatest. */
  output: z.array(z.tuple([z.number(), z.number()])).optional(),
});
export type LayerRanges = z.infer<typeof LayerRanges>;

/** By the layer's name in the checkpoint, such as `mid_block.resnets.0.conv1`. */
export type Ranges = Readonly<Record<string, LayerRanges>>;

const RangesFile = z.strictObject({
  version: z.literal(1),
  /** Fingerprint of the weights that they were measured with. */
  weights: z.string(),
  layers: z.record(z.string(), LayerRanges),
});

/** Beside the weights of a component. */
export const RANGES_FILE = 'int8.json';

/** Ranges of other weights than those that lie beside them. */
export class StaleRangesError extends InputError {
  override name = 'StaleRangesError';
}

/**
 * The ranges that lie beside a component's weights, undefined where it wasn't calibrated.
 * @throws StaleRangesError when its weights were changed since; InputError for a damaged file
 */
export async function readRanges(component: Checkpoint): Promise<Ranges | undefined> {
  const path = join(folderOf(component), RANGES_FILE);
  const text = await unlessMissing(readFile(path, 'utf8'));
  if (text === undefined) return undefined;
  const parsed = RangesFile.safeParse(parseJson(text, path));
  if (!parsed.success) throw new InputError(`${shortPath(path)}: ${z.prettifyError(parsed.error)}`);
  if (parsed.data.weights === (await fingerprint(component))) return parsed.data.layers;
  throw new StaleRangesError(
    `${shortPath(path)}: measured with other weights than those beside it: run npm run models -- quantize again`,
  );
}

/** @returns the file's path */
export async function writeRanges(component: Checkpoint, ranges: Ranges): Promise<string> {
  const path = join(folderOf(component), RANGES_FILE);
  const file = { version: 1, weights: await fingerprint(component), layers: ranges } satisfies z.infer<
    typeof RangesFile
  >;
  const rounded = (_: string, value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value);
  await writeFile(path, `${JSON.stringify(file, rounded)}\n`);
  return path;
}

/** Bytes of each tensor that tell it from another. */
const SAMPLE = 1024;

/** Tells weights from others: names, shapes and the beginning of each tensor, hashed. */
export async function fingerprint(component: Checkpoint): Promise<string> {
  const hash = createHash('sha256');
  const folder = folderOf(component);
  const buffer = Buffer.alloc(SAMPLE);
  for (const path of new Set([...component.tensors.values()].map((entry) => entry.path))) {
    const file = await open(path);
    try {
      for (const { name, dtype, shape, path: inFile, offset, length } of component.tensors.values()) {
        if (inFile !== path) continue;
        const { bytesRead } = await file.read(buffer, 0, Math.min(SAMPLE, length), offset);
        hash.update(JSON.stringify([relative(folder, path), name, dtype, shape])).update(buffer.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  }
  return hash.digest('hex');
}

/** Where a component's weights lie. */
function folderOf({ name, tensors }: Checkpoint): string {
  const [first] = tensors.values();
  if (!first) throw new InputError(`${name}: expected weights, found none`);
  return dirname(first.path);
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError(`${shortPath(path)}: expected JSON: ${(error as Error).message}`);
  }
}
