import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { ConfigError, parseConfig, parseJsonObject } from './config.ts';
import { readSafetensorsHeader, SafetensorsError, shortPath, type TensorEntry } from './safetensors.ts';

/** One network of a model folder: `unet/` with its config.json and weights, as diffusers and transformers save it. */
export interface Component<Config> {
  /** Name of its folder, for messages. */
  readonly name: string;
  readonly config: Config;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}

/**
 * Reads config and weight headers of a component; no weights yet.
 * @param className  of diffusers (`_class_name`) or transformers (`architectures`)
 * @throws ConfigError or SafetensorsError, naming the file
 */
export async function openComponent<S extends z.ZodType>(
  dir: string,
  className: string,
  schema: S,
): Promise<Component<z.infer<S>>> {
  const name = basename(dir);
  const json = await readConfig(dir);
  const found = classNameOf(json);
  if (found !== className) throw new ConfigError(`${name}/config.json: expected class ${className}, found ${found}`);
  const config = parseConfig(schema, json, `${name}/config.json`);
  return { name, config, tensors: await readWeightHeaders(dir) };
}

async function readConfig(dir: string): Promise<Record<string, unknown>> {
  const where = `${basename(dir)}/config.json`;
  const text = await readFile(join(dir, 'config.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(`${where}: ${error.code === 'ENOENT' ? 'missing file' : error.message}`);
  });
  return parseJsonObject(text, where);
}

/** The class that a config.json was saved from, such as `UNet2DConditionModel`; `none` if it doesn't say. */
export function classNameOf(config: unknown): string {
  const { _class_name, architectures } = (config ?? {}) as Record<string, unknown>;
  return String(_class_name ?? (Array.isArray(architectures) ? architectures[0] : undefined) ?? 'none');
}

/** `model.safetensors`, `model.fp16.safetensors`; shards are listed in an index. */
const WEIGHTS = /^(diffusion_pytorch_model|model)(\.\w+)?\.safetensors$/;
const WEIGHTS_INDEX = /^(diffusion_pytorch_model|model)(\.\w+)?\.safetensors\.index(\.\w+)?\.json$/;

const WeightsIndex = z.object({ weight_map: z.record(z.string(), z.string().regex(/^[^/\\]+$/)) });

/** One file is taken before shards, full precision before a variant such as fp16, its name being shorter. */
export async function readWeightHeaders(dir: string): Promise<Map<string, TensorEntry>> {
  const names = (await readdir(dir)).sort().sort((a, b) => a.length - b.length);
  const single = names.find((name) => WEIGHTS.test(name));
  if (single) return readSafetensorsHeader(join(dir, single));
  const index = names.find((name) => WEIGHTS_INDEX.test(name));
  if (index) return readShardHeaders(dir, index);
  const expected = 'diffusion_pytorch_model.safetensors or model.safetensors';
  throw new SafetensorsError(`${basename(dir)}: expected ${expected}, found ${names.join(', ')}`);
}

async function readShardHeaders(dir: string, index: string): Promise<Map<string, TensorEntry>> {
  const path = join(dir, index);
  let weightMap: Record<string, string>;
  try {
    weightMap = WeightsIndex.parse(JSON.parse(await readFile(path, 'utf8'))).weight_map;
  } catch {
    throw new SafetensorsError(`${shortPath(path)}: expected {"weight_map": {tensor: file}}`);
  }
  const tensors = new Map<string, TensorEntry>();
  for (const shard of new Set(Object.values(weightMap))) {
    for (const [name, entry] of await readSafetensorsHeader(join(dir, shard))) tensors.set(name, entry);
  }
  return tensors;
}
