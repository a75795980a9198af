import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../errors.ts';
import { KNOWN_NETWORKS, type KnownNetwork } from '../runtime/known-networks.ts';
import { inventBytePairs } from '../training/bpe.ts';
import { writeTokenizer } from '../training/tokenizer-folder.ts';
import {
  type ComponentFiles,
  encoderFiles,
  imageProcessorFiles,
  networkFiles,
  schedulerFiles,
  TOKENIZER,
  type WriteModelOptions,
  writeModel,
} from '../weights/write-model.ts';
import { expectRoom } from './disk.ts';
import type { ModelShape } from './published-shapes.ts';
import { randomTensor } from './random-weights.ts';

/** CLIP's. */
const VOCABULARY_SIZE = 49408;
const MAX_TOKENS = 77;

const MODEL_TYPES: Readonly<Record<string, string>> = {
  CLIPTextModelWithProjection: 'clip_text_model',
  CLIPVisionModelWithProjection: 'clip_vision_model',
};

/**
 * Writes a model of random weights, which draws noise, to try out and to measure what is as large as the real one.
 * Only a few megabytes of it are in memory at a time.
 * @throws InputError for a folder that isn't empty, or has no room for it
 */
export async function synthesizeModel(
  dir: string,
  shapes: readonly ModelShape[],
  options: WriteModelOptions = {},
): Promise<void> {
  await mkdir(dir, { recursive: true });
  const [found] = await readdir(dir);
  if (found) throw new InputError(`${dir}: expected a new or empty folder, found ${found} in it`);
  const parameters = shapes.flatMap(parametersOf);
  await expectRoom(dir, (options.dtype === 'F16' ? 2 : 4) * parameters.reduce((a, b) => a + b, 0));

  for (const shape of shapes) {
    const folder = join(dir, shape.folder);
    if (shape.hasTokenizer) {
      await writeTokenizer(join(folder, 'tokenizer'), inventBytePairs(VOCABULARY_SIZE), MAX_TOKENS);
    }
    await writeModel(folder, shape.className, componentsOf(shape), options);
  }
}

/** How many each network has. */
const parametersOf = ({ networks }: ModelShape): number[] =>
  Object.entries(networks).map(([name, config]) =>
    networkOf(name)
      .parameters(config, `${name}/config.json`)
      .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0),
  );

const networkOf = (name: string): KnownNetwork => KNOWN_NETWORKS[name as keyof typeof KNOWN_NETWORKS];

function componentsOf(shape: ModelShape): Record<string, ComponentFiles> {
  const networks = Object.entries(shape.networks).map(([name, config]) => [name, randomNetwork(name, config)]);
  const schedulers = Object.entries(shape.schedulers).map(([name, config]) => [name, schedulerFiles(config)]);
  return {
    ...Object.fromEntries([...networks, ...schedulers]),
    ...(shape.hasTokenizer && { tokenizer: TOKENIZER }),
    ...(shape.imageProcessor && { [shape.imageProcessor]: imageProcessorFiles({}) }),
  };
}

function randomNetwork(name: string, config: object): ComponentFiles {
  const { className, parameters } = networkOf(name);
  const list = parameters(config, `${name}/config.json`);
  const weights = new Map(list.map((parameter, i) => [parameter.name, randomTensor(parameter, i + 1)]));
  const modelType = MODEL_TYPES[className];
  return modelType ? encoderFiles(className, modelType, config, weights) : networkFiles(className, config, weights);
}
