import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tensor } from '../tensor.ts';
import { type StreamedTensor, type WriteOptions, writeSafetensors } from './safetensors.ts';

/** Version of diffusers whose classes and keys the folders are written for. */
const DIFFUSERS_VERSION = '0.42.1';

type Weights = ReadonlyMap<string, Tensor | StreamedTensor>;

/** What lies in the folder of a component. */
export interface ComponentFiles {
  /** Where Python finds the class. */
  readonly library: 'diffusers' | 'transformers' | 'unclip';
  readonly className: string;
  /** Absent where the component writes its own files. */
  readonly config?: { readonly file: string; readonly json: object };
  readonly weights?: Weights;
}

export const networkFiles = (className: string, config: object, weights: Weights): ComponentFiles => ({
  // diffusers looks for this class beside its pipeline
  library: className === 'UnCLIPTextProjModel' ? 'unclip' : 'diffusers',
  className,
  config: {
    file: 'config.json',
    json: { _class_name: className, _diffusers_version: DIFFUSERS_VERSION, ...config },
  },
  weights,
});

export const encoderFiles = (
  className: string,
  modelType: string,
  config: object,
  weights: Weights,
): ComponentFiles => ({
  library: 'transformers',
  className,
  config: { file: 'config.json', json: { architectures: [className], model_type: modelType, ...config } },
  weights,
});

export const schedulerFiles = (config: { readonly _class_name: string }): ComponentFiles => ({
  library: 'diffusers',
  className: config._class_name,
  config: { file: 'scheduler_config.json', json: { _diffusers_version: DIFFUSERS_VERSION, ...config } },
});

export const imageProcessorFiles = (config: object): ComponentFiles => ({
  library: 'transformers',
  className: 'CLIPImageProcessor',
  config: { file: 'preprocessor_config.json', json: { image_processor_type: 'CLIPImageProcessor', ...config } },
});

export const TOKENIZER: ComponentFiles = { library: 'transformers', className: 'CLIPTokenizer' };

export interface WriteModelOptions extends Pick<WriteOptions, 'dtype'> {
  /** Weights of more bytes are divided into files of about so many. */
  readonly shardBytes?: number;
  readonly onComponent?: (name: string) => void;
}

/** Writes a pipeline in diffusers' layout: the components' folders, and at last model_index.json, which names them. */
export async function writeModel(
  dir: string,
  className: string,
  components: Readonly<Record<string, ComponentFiles>>,
  options: WriteModelOptions = {},
): Promise<void> {
  for (const [name, component] of Object.entries(components)) {
    options.onComponent?.(name);
    await writeComponent(join(dir, name), component, options);
  }
  const index = Object.entries(components).map(([name, { library, className }]) => [name, [library, className]]);
  await writeJson(join(dir, 'model_index.json'), {
    _class_name: className,
    _diffusers_version: DIFFUSERS_VERSION,
    ...Object.fromEntries(index),
  });
}

/** What lies in one component's folder. */
export async function writeComponent(
  dir: string,
  { library, config, weights }: ComponentFiles,
  options: WriteModelOptions,
): Promise<void> {
  await mkdir(dir, { recursive: true });
  if (config) await writeJson(join(dir, config.file), config.json);
  if (weights)
    await writeWeights(dir, library === 'transformers' ? 'model' : 'diffusion_pytorch_model', weights, options);
}

/** One file, or shards with the index that diffusers and transformers write. */
async function writeWeights(
  dir: string,
  stem: string,
  weights: Weights,
  { dtype = 'F32', shardBytes = Number.POSITIVE_INFINITY }: WriteModelOptions,
): Promise<void> {
  const bytesOf = ({ shape }: Tensor | StreamedTensor) => shape.reduce((a, b) => a * b, dtype === 'F16' ? 2 : 4);
  const shards: Map<string, Tensor | StreamedTensor>[] = [];
  let room = 0;
  let total = 0;
  for (const [name, tensor] of weights) {
    const bytes = bytesOf(tensor);
    if (shards.length === 0 || bytes > room) {
      shards.push(new Map());
      room = shardBytes;
    }
    shards.at(-1)?.set(name, tensor);
    room -= bytes;
    total += bytes;
  }
  const number = (n: number) => String(n).padStart(5, '0');
  const weightMap: Record<string, string> = {};
  for (const [i, shard] of shards.entries()) {
    const file =
      shards.length > 1 ? `${stem}-${number(i + 1)}-of-${number(shards.length)}.safetensors` : `${stem}.safetensors`;
    await writeSafetensors(join(dir, file), shard, { dtype, metadata: { format: 'pt' } });
    for (const name of shard.keys()) weightMap[name] = file;
  }
  if (shards.length > 1) {
    await writeJson(join(dir, `${stem}.safetensors.index.json`), {
      metadata: { total_size: total },
      weight_map: weightMap,
    });
  }
}

export const writeJson = (path: string, value: object) => writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
