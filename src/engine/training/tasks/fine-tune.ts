import type * as tfjs from '@tensorflow/tfjs-core';
import { clipVision } from '../../networks/clip-vision.ts';
import { type MovqConfig, movqDecoder } from '../../networks/movq.ts';
import type { UnetConfig } from '../../networks/unet-config.ts';
import type { Weights } from '../../ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { Dice, evaluationDice } from '../dice.ts';
import { STARTS_FROM } from '../part-names.ts';
import type { Task, TaskOptions } from '../task.ts';
import { type ClipConfig, unitLength } from './clip-encoders.ts';
import { clipImages } from './clip-preprocess.ts';
import { DECODER_OPTIMIZER, type DecoderBatch, decoderBatch, guided, JUDGED, unetOf } from './decoder.ts';
import { evaluated } from './evaluated.ts';
import { type Features, gatherRows } from './features.ts';
import type { TrainedNetwork } from './frozen.ts';
import { judgedPictures, trainingPictures } from './pictures.ts';
import type { DrawSheet } from './sample-pictures.ts';
import { predictV } from './v-prediction.ts';

type T = tfjs.Tensor;

const BATCH = 16;
/** Of the distance in the loss; that of v counts once. So the gradients of both are of one size, and v's loss does not rise. */
const DISTANCE_WEIGHT = 0.25;

interface Batch extends DecoderBatch {
  /** (B, P): embeddings of the pictures, not disturbed. */
  readonly targets: Float32Array;
}

/** The networks around the decoder, used and not trained, and the weights that the decoder begins with. */
export interface FineTuneNetworks {
  readonly unet: UnetConfig;
  readonly start: TrainedNetwork;
  readonly movq: MovqConfig;
  readonly movqWeights: Weights<T>;
  readonly clip: ClipConfig;
  readonly clipWeights: Weights<T>;
}

/**
 * The trained decoder learns to draw what CLIP sees as the picture that was asked for: beside its own loss, the spherical
 * distance between the embedding that it was given and that of the picture that it predicts, decoded by MoVQ.
 * @param draw a sheet of pictures, for evaluation
 */
export function fineTuneTask(
  tf: TensorFlow,
  dataset: PictureSet,
  features: Features,
  networks: FineTuneNetworks,
  draw: DrawSheet,
  { horizon, seed }: TaskOptions,
): Task<Batch> {
  const network = unetOf(tf, networks.unet);
  const embed = embedLatents(tf, networks);
  const drawPicture = trainingPictures(dataset);
  const judged = judgedPictures(dataset, 'held-out-pair', JUDGED);
  const latentShape = features.latents.shape.slice(1);

  const batchOf = (indices: readonly number[], dice: Dice): Batch => ({
    ...decoderBatch(features, indices, dice),
    targets: gatherRows(features.embeddings, indices),
  });

  /** Rows come in the order of their noise: in the second half there is nothing to be seen yet. */
  function lossOf(weights: Weights<T>, batch: Batch) {
    const { loss: v, x0 } = predictV(tf, batch, latentShape, network(weights, batch.embeddings));
    const seen = Math.ceil(batch.dropped.length / 2);
    const targets = tf.slice(tf.tensor(batch.targets, [batch.dropped.length, networks.unet.encoder_hid_dim]), 0, seen);
    const distances = sphericalDistance(tf, embed(tf.slice(x0, 0, seen)), targets);
    // ᾱ = SNR/(SNR + 1): the less noise, the more x0 is a picture
    const shares = Array.from({ length: seen }, (_, b) => (batch.dropped[b] ? 0 : batch.signal[b]! ** 2));
    const distance = tf.div(tf.sum(tf.mul(distances, tf.tensor1d(shares))), Math.max(sum(shares), 1e-6)) as tfjs.Scalar;
    return { v, distance };
  }

  async function figuresOf(weights: Weights<T>): Promise<[loss: number, distance: number]> {
    const both = await evaluated(tf, () => {
      const { v, distance } = lossOf(weights, batchOf(judged.indices, evaluationDice()));
      return tf.stack([v, distance]);
    });
    return [...both.data] as [number, number];
  }
  let before: Awaited<ReturnType<typeof figuresOf>> | undefined;

  return {
    name: 'fine-tune',
    batchSize: BATCH,
    optimizer: { ...DECODER_OPTIMIZER, learningRate: 5e-5, warmup: 50, horizon },
    initialise: networks.start.initialise,
    startsFrom: STARTS_FROM['fine-tune'],
    batch(step) {
      const dice = new Dice(seed, step);
      return batchOf(
        Array.from({ length: BATCH }, () => drawPicture(dice)),
        dice,
      );
    },
    loss(weights, batch) {
      const { v, distance } = lossOf(weights, batch);
      return { total: tf.add(v, tf.mul(DISTANCE_WEIGHT, distance)) as tfjs.Scalar, parts: { v, distance } };
    },
    async evaluate(weights) {
      before ??= await figuresOf(networks.start.weights);
      const [loss, distance] = await figuresOf(weights);
      const [lossBefore, distanceBefore] = before;
      const figures = judged.name({ loss, distance, lossBefore, distanceBefore });
      return { figures, sheet: await draw((index) => network(weights, guided(features, index))) };
    },
  };
}

/**
 * 2·asin(‖u − v‖/2)² for u and v scaled to length 1, half the square of the angle between them: 0 … π²/2, row by row. The loss
 * of Crowson's CLIP-guided diffusion (2021).
 * @param x (B, P)
 * @param y (B, P)
 */
export function sphericalDistance(tf: TensorFlow, x: T, y: T): tfjs.Tensor1D {
  const square = tf.sum(tf.square(tf.sub(unitLength(tf, x), unitLength(tf, y))), -1);
  // neither end has a gradient: √ at 0, asin at 1
  const halfChord = tf.div(tf.sqrt(tf.clipByValue(square, 1e-12, 4 - 1e-5)), 2);
  return tf.mul(2, tf.square(tf.asin(halfChord))) as tfjs.Tensor1D;
}

/** Latents (B, h, w, c) → the CLIP embeddings of the pictures that they stand for, (B, P). */
function embedLatents(tf: TensorFlow, { movq, movqWeights, clip, clipWeights }: FineTuneNetworks) {
  const ops = new TfjsOps(tf);
  const decode = movqDecoder(ops, movqWeights, movq);
  const see = clipVision(ops, clipWeights, clip.vision);
  return (latents: T): T => see(clipImages(tf, decode(latents), clip.vision.image_size)).embedding;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
