import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadTokenizer } from '../networks/tokenizer.ts';
import type { TensorFlow } from '../ops/tfjs-ops.ts';
import { Dataset } from './data/dataset.ts';
import { type TrainOptions, trainTask } from './loop.ts';
import type { Parameters } from './parameters.ts';
import type { Task } from './task.ts';
import { clipTask } from './tasks/clip.ts';
import { type ClipConfig, clipConfig, EMBEDDING_WIDTH } from './tasks/clip-encoders.ts';
import { decoderTask, unetConfig } from './tasks/decoder.ts';
import { type Features, loadFeatures } from './tasks/features.ts';
import { frozenWeights } from './tasks/frozen.ts';
import { movqConfig, movqTask } from './tasks/movq.ts';
import { priorConfig, priorTask } from './tasks/prior.ts';
import { createPictureDecoder } from './tasks/sample-pictures.ts';
import { tokenizerFolder, trainTokenizer, vocabularySize } from './tasks/tokenizer.ts';

/** The networks that are trained with TensorFlow, each after those that it learns from. */
export const PARTS = ['movq', 'clip', 'decoder', 'prior'] as const;
export type Part = (typeof PARTS)[number];

/** The bundled model's sizes. */
export const MOVQ_CONFIG = movqConfig([16, 32, 64, 128]);
export const UNET_CONFIG = unetConfig([96, 192, 224], EMBEDDING_WIDTH);

export interface PartOptions extends Omit<TrainOptions, 'start'> {
  /** Folder of the data set. */
  readonly data: string;
  readonly seed: number;
  /** Weights to start from, where a run has no checkpoint yet. */
  readonly start?: (parameters: Parameters, part: Part) => Promise<Float32Array>;
  readonly say: (line: string) => void;
}

/** Trains one part from where its run is. */
export async function trainPart(tf: TensorFlow, part: Part, options: PartOptions): Promise<void> {
  await trainTask(tf, await createTask(tf, part, options), runOptions(part, options));
}

/** Spends the time on the first part that has not had its planned number of steps, then on the next; what is left on the decoder. */
export async function trainAll(tf: TensorFlow, options: PartOptions): Promise<void> {
  const end = Date.now() + options.time;
  const left = () => (options.signal?.aborted ? 0 : end - Date.now());
  for (const part of PARTS) {
    if (left() <= 0) return;
    const task = await createTask(tf, part, options);
    await trainTask(tf, task, { ...runOptions(part, options), time: left(), maxSteps: task.optimizer.horizon });
  }
  if (left() > 0) await trainPart(tf, 'decoder', { ...options, time: left() });
}

function runOptions(part: Part, { runs, time, seed, signal, start }: PartOptions): TrainOptions {
  return {
    runs,
    time,
    seed,
    ...(signal && { signal }),
    ...(start && { start: (parameters) => start(parameters, part) }),
  };
}

async function createTask(tf: TensorFlow, part: Part, { data, runs, seed, say }: PartOptions): Promise<Task> {
  const dataset = new Dataset(data);
  if (part === 'movq') return movqTask(tf, dataset, MOVQ_CONFIG, seed) as Task;
  const tokenizer = await openTokenizer(dataset, runs, seed, say);
  const clip = await openClipConfig(runs);
  if (part === 'clip') return clipTask(tf, dataset, tokenizer, clip, seed) as Task;

  const features = await openFeatures(tf, dataset, runs, say);
  if (part === 'prior') {
    const clipWeights = await frozenWeights(tf, runs, 'clip');
    const options = { config: priorConfig(clip), clip, batchSize: 128, horizon: 10_000, seed };
    return priorTask(tf, dataset, features, tokenizer, clipWeights, options) as Task;
  }
  const draw = createPictureDecoder(tf, dataset, features, MOVQ_CONFIG, await frozenWeights(tf, runs, 'movq'));
  return decoderTask(tf, dataset, features, draw, {
    config: UNET_CONFIG,
    batchSize: 32,
    horizon: 50_000,
    seed,
  }) as Task;
}

/** The features that decoder and prior learn from, computed where they are not there yet. */
export async function openFeatures(
  tf: TensorFlow,
  dataset: Dataset,
  runs: string,
  say: (line: string) => void,
): Promise<Features> {
  return loadFeatures(
    tf,
    dataset,
    { runs, movq: MOVQ_CONFIG, clip: await openClipConfig(runs) },
    progressOf(dataset, say),
  );
}

/** The sizes of CLIP with the vocabulary of a runs folder. */
export const openClipConfig = async (runs: string): Promise<ClipConfig> => clipConfig(await vocabularySize(runs));

async function openTokenizer(dataset: Dataset, runs: string, seed: number, say: (line: string) => void) {
  const folder = tokenizerFolder(runs);
  if (!existsSync(join(folder, 'vocab.json'))) {
    say(`tokenizer: ${await trainTokenizer(dataset, runs, seed)} tokens in ${folder}`);
  }
  return loadTokenizer(folder);
}

function progressOf(dataset: Dataset, say: (line: string) => void): (done: number) => void {
  const every = Math.ceil(dataset.records.length / 10);
  let next = 0;
  return (done) => {
    if (done < next) return;
    say(`features of ${done} of ${dataset.records.length} pictures`);
    next += every;
  };
}
