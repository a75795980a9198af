import { join } from 'node:path';
import type * as tfjs from '@tensorflow/tfjs-core';
import { clipVision } from '../../networks/clip-vision.ts';
import { type MovqConfig, movqEncoder } from '../../networks/movq.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import { concatRows, type Tensor } from '../../tensor.ts';
import { SafetensorsError } from '../../weights/safetensors.ts';
import { checkpointOf, loadAverage, trainedSteps } from '../checkpoint.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { PICTURE_BYTES, PICTURE_SIZE } from '../data/rasterise.ts';
import { digestOf, keptIn, sayAgain } from '../kept-file.ts';
import type { ClipConfig } from './clip-encoders.ts';
import { wholePictures } from './clip-preprocess.ts';
import { evaluated } from './evaluated.ts';
import { clipVisionOf, movqOf } from './frozen.ts';
import { toUnit } from './pictures.ts';

/** What CLIP sees in all pictures of a data set. */
export interface Embeddings {
  /** (N, P): CLIP's image embeddings, scaled to variance 1 where CLIP was trained here. */
  readonly embeddings: Tensor;
  /** (1, P): of a picture whose pixels are all 0, scaled likewise; stands for "no picture". */
  readonly zeroEmbedding: Tensor;
  /** By which CLIP's projection of pictures must be multiplied to give such embeddings. */
  readonly scale: number;
  /** Digest of CLIP's weights. */
  readonly clip: string;
}

/** What decoders learn from, computed once for all pictures. */
export interface Features extends Embeddings {
  /** (N, 16, 16, 4): MoVQ's latents. */
  readonly latents: Tensor;
}

const BATCH = 8;

/**
 * MoVQ's latents of a data set's pictures. They are kept in the runs folder, and computed again when a pixel or a weight is
 * another one.
 * @param onProgress is called with how many pictures are done, of how many
 * @param say        is told where a file of them is damaged
 */
export async function loadLatents(
  tf: TensorFlow,
  dataset: PictureSet,
  runs: string,
  config: MovqConfig,
  onProgress: OnProgress,
  say: Say,
): Promise<Tensor> {
  const tensors = await loadAverage(checkpointOf(runs, 'movq'));
  const origin = digestOf(await dataset.digest(), JSON.stringify(config), tensors);
  const kept = await keptIn(join(runs, 'latents.safetensors'), origin, sayAgain(say), async () => {
    const encode = movqEncoder(new TfjsOps(tf), movqOf(tf, runs, config, tensors).weights, config);
    const latents = await ofPictures(tf, dataset, onProgress, (pictures) =>
      encode(tf.tensor4d(unitsOf(pictures), [pictures.length, PICTURE_SIZE, PICTURE_SIZE, 4])),
    );
    return new Map([['latents', latents]]);
  });
  return kept.get('latents')!;
}

/** CLIP's embeddings of a data set's pictures, kept likewise. */
export async function loadEmbeddings(
  tf: TensorFlow,
  dataset: PictureSet,
  runs: string,
  clip: ClipConfig,
  onProgress: OnProgress,
  say: Say,
): Promise<Embeddings> {
  const { vision } = clip;
  // a model's own encoder, not trained further, gives embeddings that its decoder and prior know
  const isOwn = (await trainedSteps(runs, 'clip')) === 0;
  const tensors = await loadAverage(checkpointOf(runs, 'clip'));
  const weights = digestOf(tensors);
  const origin = digestOf(JSON.stringify([await dataset.digest(), vision, isOwn, weights]));
  const kept = await keptIn(join(runs, 'embeddings.safetensors'), origin, sayAgain(say), async () => {
    const see = clipVision(new TfjsOps(tf), clipVisionOf(tf, runs, clip, tensors).weights, vision);
    const size = vision.image_size;
    const all = await ofPictures(
      tf,
      dataset,
      onProgress,
      (pictures) => see(tf.tensor4d(wholePictures(pictures, size), [pictures.length, size, size, 3])).embedding,
    );
    const zero = await evaluated(tf, () => see(tf.zeros([1, size, size, 3])).embedding);
    const scale = isOwn ? 1 : await scaleOf(runs, weights, all);
    return new Map<string, Tensor>([
      ['embeddings', scaled(all, scale)],
      ['zero_embedding', scaled(zero, scale)],
      ['scale', { data: Float32Array.of(scale), shape: [1] }],
    ]);
  });
  return {
    embeddings: kept.get('embeddings')!,
    zeroEmbedding: kept.get('zero_embedding')!,
    scale: kept.get('scale')!.data[0]!,
    clip: weights,
  };
}

type OnProgress = (done: number, total: number) => void;
type Say = (line: string) => void;

/**
 * To variance 1; of one CLIP it is always that of the pictures that were seen first, as what learns from it knows no other.
 * @throws SafetensorsError where it is damaged
 */
async function scaleOf(runs: string, clip: string, embeddings: Tensor): Promise<number> {
  const refuse = (damage: string) => {
    throw new SafetensorsError(
      `${damage}: put back a copy of it, or delete it and call with the --data that CLIP was first used with, which gives the same`,
    );
  };
  const kept = await keptIn(join(runs, 'clip', 'scale.safetensors'), clip, refuse, async () => {
    return new Map([['scale', { data: Float32Array.of(1 / standardDeviation(embeddings)), shape: [1] }]]);
  });
  return kept.get('scale')!.data[0]!;
}

/** What a network gives for each picture of a set, some pictures at a time. */
async function ofPictures(
  tf: TensorFlow,
  dataset: PictureSet,
  onProgress: OnProgress,
  run: (pictures: readonly Uint8Array[]) => tfjs.Tensor,
): Promise<Tensor> {
  const parts: Tensor[] = [];
  for (let from = 0; from < dataset.records.length; from += BATCH) {
    const count = Math.min(BATCH, dataset.records.length - from);
    const pictures = Array.from({ length: count }, (_, i) => dataset.read(from + i));
    parts.push(await evaluated(tf, () => run(pictures)));
    onProgress(from + count, dataset.records.length);
  }
  return concatRows(parts);
}

function unitsOf(pictures: readonly Uint8Array[]): Float32Array {
  const values = new Float32Array(pictures.length * PICTURE_BYTES);
  for (const [i, picture] of pictures.entries())
    toUnit(picture, values.subarray(i * PICTURE_BYTES, (i + 1) * PICTURE_BYTES));
  return values;
}

const scaled = ({ data, shape }: Tensor, factor: number): Tensor => ({
  data: data.map((value) => value * factor),
  shape,
});

/** Rows of a tensor, one after another. */
export function gatherRows({ data, shape }: Tensor, indices: readonly number[]): Float32Array {
  const size = data.length / shape[0]!;
  const gathered = new Float32Array(indices.length * size);
  for (const [i, index] of indices.entries()) gathered.set(data.subarray(index * size, (index + 1) * size), i * size);
  return gathered;
}

/** Of a dimension in which all pictures are the same. */
const SMALLEST_VARIANCE = 1e-8;

/** Mean and standard deviation of each dimension over some rows of (N, D). */
export function moments(
  x: Tensor,
  indices: readonly number[],
): { readonly mean: Float32Array; readonly deviation: Float32Array } {
  const width = x.shape[1]!;
  const mean = new Float64Array(width);
  const square = new Float64Array(width);
  for (const [i, value] of gatherRows(x, indices).entries()) {
    mean[i % width]! += value / indices.length;
    square[i % width]! += value ** 2 / indices.length;
  }
  return {
    mean: Float32Array.from(mean),
    deviation: Float32Array.from(square, (s, d) => Math.sqrt(Math.max(s - mean[d]! ** 2, SMALLEST_VARIANCE))),
  };
}

/** √ of the mean over the dimensions of their variances. */
function standardDeviation(x: Tensor): number {
  const { deviation } = moments(x, [...Array(x.shape[0]!).keys()]);
  return Math.sqrt(deviation.reduce((sum, d) => sum + d * d, 0) / deviation.length);
}
