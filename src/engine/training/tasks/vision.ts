import { isDeepStrictEqual } from 'node:util';
import type * as tfjs from '@tensorflow/tfjs-core';
import { type ClipVisionConfig, clipVision } from '../../networks/clip-vision.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import { concatRows } from '../../tensor.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { Dice } from '../dice.ts';
import type { Task, TaskOptions } from '../task.ts';
import { CLIP_OPTIMIZER, namesWithVectors } from './clip.ts';
import { type FrozenText, unitLength } from './clip-encoders.ts';
import { clipFigures, embedTexts } from './clip-figures.ts';
import { crossEntropy, NO_LABEL } from './cross-entropy.ts';
import { type Drawing, drawingsOf, drawViews, nameOf } from './drawings.ts';
import { type Embeddings, gatherRows } from './features.ts';
import type { TrainedNetwork } from './frozen.ts';
import { localAttention } from './local-attention.ts';
import { concatenated, indicesOf } from './pictures.ts';
import { type Teacher, teaching } from './teaching.ts';

const BATCH = 128;
/** Inverse temperature of a picture's similarity to names. */
const SCALE = 20;
/** Of the strong views, where there is a teacher: those that are mixed with another. */
const MIXED = 0.75;
/** Of what an embedding may move, and of finding the concept's name; what the teacher says counts once. */
const KEEPING_WEIGHT = 1;
const NAMES_WEIGHT = 0.5;

/** "No picture" is one row of a batch, and half of all that is drawn with guidance comes from it: it counts as so many rows. */
const NOTHING_WEIGHT = 8;

interface Batch {
  /** (B + 1, S, S, 3): pictures in [−1, 1], and behind them "no picture", which is all 0. */
  readonly pixels: Float32Array;
  /** (B): numbers of the names; none of compositions and mixtures. */
  readonly labels: readonly number[];
  /** (B + 1, P): what CLIP saw in the pictures, where that is kept, and in no picture. */
  readonly embeddings: Float32Array;
  /** (B + 1, 1): how much each is kept. 0 for a strong view, whose colours are others, and for a picture of another set. */
  readonly kept: Float32Array;
}

interface VisionLearning {
  readonly vision: ClipVisionConfig;
  readonly teacher?: Teacher | undefined;
  readonly extra?: PictureSet | undefined;
}

/**
 * CLIP's encoder of pictures, trained further, or one of other sizes from the start; and what has learned from CLIP stays of
 * use: the text encoder is locked, as LiT (Zhai et al. 2022) locks that of pictures, and gentle views of a training picture,
 * and no picture, are held to the embedding that prior and decoder know them by. What changes is what it sees in other
 * drawings: each view shall be nearer to its concept's name than to all other names, and as near to each as the teacher says;
 * of mixtures of two views too, which are more than there are pictures (Beyer et al. 2022): one shines through the other (Zhang
 * et al. 2018, "mixup"), or a square of it lies on the other (Yun et al. 2019, "CutMix").
 * @param known   what CLIP saw in the pictures
 * @param from    CLIP, with the text encoder that names are asked of
 * @param vision  sizes of the encoder
 * @param extra   other drawings of the same things, by which nothing was known
 */
export async function visionTask(
  tf: TensorFlow,
  dataset: PictureSet,
  known: Embeddings,
  from: FrozenText & TrainedNetwork,
  { vision, teacher, extra }: VisionLearning,
  { horizon, seed }: TaskOptions,
): Promise<Task<Batch>> {
  const { image_size: size, projection_dim: width } = vision;
  const isSame = isDeepStrictEqual(vision, from.clip.vision);
  const names = namesWithVectors(dataset);
  const ofNames = tf.keep(
    tf.tensor2d(concatenated(await embedTexts(tf, from.weights, from.clip, from.tokenizer, names)), [
      names.length,
      width,
    ]),
  );
  const numbers = new Map(names.map((name, number) => [name, number]));
  // compositions have no name of one thing
  const labelOf = (drawing: Drawing) => numbers.get(nameOf(drawing)) ?? NO_LABEL;
  const draw = drawingsOf(dataset, extra);
  const batchSize = Math.min(BATCH, indicesOf(dataset, 'train').length);
  const nothing = new Float32Array(size * size * 3);
  const targets = concatRows([known.embeddings, known.zeroEmbedding]);
  const atNothing = known.embeddings.shape[0]!;
  const teach = teacher && teaching(tf, teacher, names, vision);
  const onlyInTraining = teach?.onlyInTraining ?? [];
  const start = isSame ? from.initialise : localAttention(vision);

  return {
    name: 'vision',
    batchSize,
    optimizer: { ...CLIP_OPTIMIZER, learningRate: 8e-4, warmup: 100, horizon },
    initialise: (name, shape) => (onlyInTraining.includes(name) ? undefined : start(name, shape)),
    startsFrom: isSame ? 'clip' : undefined,
    onlyInTraining,

    batch(step) {
      const dice = new Dice(seed, step);
      const { drawings, kinds, views: plain } = drawViews(draw, batchSize, size, dice);
      const isMixed = kinds.map((kind) => teach !== undefined && kind === 'strong' && dice.chance(MIXED));
      const views = plain.map((view, i) =>
        isMixed[i] ? mixtureOf(view, plain[(i + 1) % batchSize]!, size, dice) : view,
      );
      return {
        pixels: concatenated([...views, nothing]),
        labels: drawings.map((drawing, i) => (isMixed[i] ? NO_LABEL : labelOf(drawing))),
        embeddings: gatherRows(targets, [
          ...drawings.map(({ set, index }) => (set === dataset ? index : atNothing)),
          atNothing,
        ]),
        kept: Float32Array.of(
          ...drawings.map(({ set }, i) => Number(set === dataset && kinds[i] === 'gentle')),
          NOTHING_WEIGHT,
        ),
      };
    },

    loss(weights, { pixels, labels, embeddings, kept }) {
      const pictures = tf.tensor4d(pixels, [batchSize + 1, size, size, 3]);
      const own = clipVision(new TfjsOps(tf), weights, vision)(pictures);
      // there is nothing to name, nor to see, in no picture
      const ofPictures = <R extends tfjs.Rank>(x: tfjs.Tensor<R>) => tf.slice(x, 0, batchSize);
      const embedding = ofPictures(own.embedding);
      const similarity = tf.mul(tf.matMul(unitLength(tf, embedding), ofNames, false, true), SCALE);
      const ofConcepts = crossEntropy(tf, similarity, labels);
      const before = tf.tensor2d(embeddings, [batchSize + 1, width]);
      const moved = tf.squaredDifference(tf.mul(own.embedding, known.scale), before);
      const weight = tf.tensor2d(kept, [batchSize + 1, 1]);
      const ofKeeping = tf.div(tf.sum(tf.mul(moved, weight)), tf.mul(tf.sum(weight), width)) as tfjs.Scalar;
      const total = tf.add(tf.mul(NAMES_WEIGHT, ofConcepts), tf.mul(KEEPING_WEIGHT, ofKeeping)) as tfjs.Scalar;
      const parts: Record<string, tfjs.Scalar> = { ofConcepts, ofKeeping };
      if (!teach) return { total, parts };
      const seen = { layers: own.layers.map(ofPictures), embedding };
      const taught = teach.loss(weights, ofPictures(pictures), seen, similarity);
      return { total: tf.add(total, taught.total) as tfjs.Scalar, parts: { ...parts, ...taught.parts } };
    },

    evaluate: (weights) =>
      clipFigures(tf, { text: from.weights, vision: weights }, { ...from.clip, vision }, dataset, from.tokenizer),
  };
}

/** Of two views, size × size RGB: half of the time one through the other, else a square of the second on the first. */
export function mixtureOf(a: Float32Array, b: Float32Array, size: number, dice: Dice): Float32Array {
  const share = dice.uniform();
  if (dice.chance(0.5)) return a.map((value, i) => share * value + (1 - share) * b[i]!);
  const side = Math.round(size * Math.sqrt(1 - share));
  const [left, top] = [dice.below(size - side + 1), dice.below(size - side + 1)];
  const mixed = a.slice();
  for (let y = top; y < top + side; y++) {
    const row = (y * size + left) * 3;
    mixed.set(b.subarray(row, row + side * 3), row);
  }
  return mixed;
}
