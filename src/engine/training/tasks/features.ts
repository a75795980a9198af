import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type * as tfjs from '@tensorflow/tfjs-core';
import { clipVision } from '../../networks/clip-vision.ts';
import { type MovqConfig, movqEncoder } from '../../networks/movq.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import { concatRows, type Tensor } from '../../tensor.ts';
import { readSafetensors, writeSafetensors } from '../../weights/safetensors.ts';
import { trainedSteps } from '../checkpoint.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { PICTURE_BYTES, PICTURE_SIZE } from '../data/rasterise.ts';
import { explainFullDisk } from '../full-disk.ts';
import type { ClipConfig } from './clip-encoders.ts';
import { wholePictures } from './clip-preprocess.ts';
import { evaluated } from './evaluated.ts';
import { frozenWeights } from './frozen.ts';
import { toUnit } from './pictures.ts';

/** What decoder and prior learn from, computed once for all pictures. */
export interface Features {
  /** (N, 16, 16, 4): MoVQ's latents. */
  readonly latents: Tensor;
  /** (N, P): CLIP's image embeddings, scaled to variance 1 where CLIP was trained here. */
  readonly embeddings: Tensor;
  /** (1, P): of a picture whose pixels are all 0, scaled likewise; stands for "no picture". */
  readonly zeroEmbedding: Tensor;
  /** By which CLIP's projection of pictures must be multiplied to give such embeddings. */
  readonly scale: number;
}

const BATCH = 8;

export interface FeatureNetworks {
  readonly runs: string;
  readonly movq: MovqConfig;
  readonly clip: ClipConfig;
}

/**
 * Features of a data set under the networks of a runs folder. They are kept in it, latents and embeddings each for
 * itself, and computed again when the data set or their network is another one.
 * @param progressOf makes what is called with the number of pictures done
 */
export async function loadFeatures(
  tf: TensorFlow,
  dataset: PictureSet,
  { runs, movq, clip }: FeatureNetworks,
  progressOf: (what: string) => OnProgress,
): Promise<Features> {
  const digest = createHash('sha256').update(JSON.stringify(dataset.records)).digest();
  // 24 bits, which a float32 holds exactly
  const pictures = digest.readUIntBE(0, 3);
  const kept = async (part: 'movq' | 'clip', name: string, compute: (onProgress: OnProgress) => Promise<Named>) => {
    const origin = [pictures, await trainedSteps(runs, part)];
    return keptIn(join(runs, `${name}.safetensors`), origin, () => compute(progressOf(name)));
  };
  const latents = await kept('movq', 'latents', (onProgress) => computeLatents(tf, dataset, runs, movq, onProgress));
  const embeddings = await kept('clip', 'embeddings', (onProgress) =>
    computeEmbeddings(tf, dataset, runs, clip, onProgress),
  );
  return {
    latents: latents.get('latents')!,
    embeddings: embeddings.get('embeddings')!,
    zeroEmbedding: embeddings.get('zero_embedding')!,
    scale: embeddings.get('scale')!.data[0]!,
  };
}

type Named = Map<string, Tensor>;
type OnProgress = (done: number) => void;

/** What a file holds that was written from the same origin, else what is computed and written into it. */
async function keptIn(path: string, origin: readonly number[], compute: () => Promise<Named>): Promise<Named> {
  const kept = existsSync(path) ? await readSafetensors(path) : undefined;
  if (kept?.get('origin')?.data.join() === origin.join()) return kept;
  const computed = await compute();
  computed.set('origin', { data: Float32Array.from(origin), shape: [origin.length] });
  await explainFullDisk(path, async () => {
    await writeSafetensors(`${path}.partial`, computed);
    await rename(`${path}.partial`, path);
  });
  return computed;
}

async function computeLatents(
  tf: TensorFlow,
  dataset: PictureSet,
  runs: string,
  config: MovqConfig,
  onProgress: OnProgress,
): Promise<Named> {
  const encode = movqEncoder(new TfjsOps(tf), await frozenWeights(tf, runs, 'movq'), config);
  const latents = await ofPictures(tf, dataset, onProgress, (pictures) =>
    encode(tf.tensor4d(unitsOf(pictures), [pictures.length, PICTURE_SIZE, PICTURE_SIZE, 4])),
  );
  return new Map([['latents', latents]]);
}

async function computeEmbeddings(
  tf: TensorFlow,
  dataset: PictureSet,
  runs: string,
  { vision }: ClipConfig,
  onProgress: OnProgress,
): Promise<Named> {
  const see = clipVision(new TfjsOps(tf), await frozenWeights(tf, runs, 'clip'), vision);
  const size = vision.image_size;
  const all = await ofPictures(
    tf,
    dataset,
    onProgress,
    (pictures) => see(tf.tensor4d(wholePictures(pictures, size), [pictures.length, size, size, 3])).embedding,
  );
  const zero = await evaluated(tf, () => see(tf.zeros([1, size, size, 3])).embedding);
  // a model's own encoder, not trained further, gives embeddings that its decoder and prior know
  const scale = (await trainedSteps(runs, 'clip')) === 0 ? 1 : 1 / standardDeviation(all);
  return new Map<string, Tensor>([
    ['embeddings', scaled(all, scale)],
    ['zero_embedding', scaled(zero, scale)],
    ['scale', { data: Float32Array.of(scale), shape: [1] }],
  ]);
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
    onProgress(from + count);
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
