import type * as tfjs from '@tensorflow/tfjs-core';
import { InputError } from '../../../errors.ts';
import type { Tokenizer } from '../../networks/tokenizer.ts';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import { sampleCaption } from '../data/captions.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { Dice } from '../dice.ts';
import type { Initialiser } from '../parameters.ts';
import type { Task, TaskOptions } from '../task.ts';
import { type ClipConfig, embedPixels, embedTokens } from './clip-encoders.ts';
import { clipFigures } from './clip-figures.ts';
import { clipPixels, randomView } from './clip-preprocess.ts';
import { indicesOf } from './pictures.ts';

/** Concepts that count as neighbours. */
const NEIGHBOURHOOD = 320;

interface Batch {
  /** (B, S, S, 3) in [−1, 1]. */
  readonly pixels: Float32Array;
  /** Token ids, with end of text and padding. */
  readonly texts: readonly (readonly number[])[];
}

/** CLIP (Radford et al. 2021) from scratch: InfoNCE in both directions, learned temperature, one picture a concept in a batch. */
export function clipTask(
  tf: TensorFlow,
  dataset: PictureSet,
  tokenizer: Tokenizer,
  config: ClipConfig,
  { horizon, seed }: TaskOptions,
): Task<Batch> {
  const batchSize = 128;
  const byConcept = [...picturesByConcept(dataset).values()];
  if (byConcept.length < 2) {
    throw new InputError(
      `CLIP learns to tell captions apart: it needs pictures with at least two, found ${byConcept.length}`,
    );
  }
  const size = config.vision.image_size;

  return {
    name: 'clip',
    batchSize: Math.min(batchSize, byConcept.length),
    optimizer: {
      learningRate: 1e-3,
      warmup: 200,
      horizon,
      average: 0.999,
      beta1: 0.9,
      beta2: 0.98,
      eps: 1e-8,
      weightDecay: 0.1,
      maxNorm: 1,
    },
    initialise: clipStart,

    batch(step) {
      const dice = new Dice(seed, step);
      const concepts = pickConcepts(byConcept, batchSize, dice);
      const pixels = new Float32Array(concepts.length * size * size * 3);
      const texts = concepts.map((pictures, b) => {
        const index = dice.pick(pictures);
        const record = dataset.records[index]!;
        const target = pixels.subarray(b * size * size * 3, (b + 1) * size * size * 3);
        clipPixels(dataset.read(index), randomView(dice), size, target);
        return tokenizer.encode(sampleCaption(record, dataset.concepts.get(record.concept)!, dice)).ids;
      });
      return { pixels, texts };
    },

    loss(weights, { pixels, texts }) {
      const images = embedPixels(tf, weights, config, pixels);
      const words = embedTokens(tf, weights, config, texts);
      // no sharper than 1/100, as in the paper
      const scale = tf.exp(tf.minimum(weights.get('logit_scale', [1]), Math.log(100)));
      const logits = tf.mul(tf.matMul(images, words, false, true), scale);
      const ofImages = crossEntropyOfDiagonal(tf, logits);
      const ofTexts = crossEntropyOfDiagonal(tf, tf.transpose(logits));
      const total = tf.mul(0.5, tf.add(ofImages, ofTexts)) as tfjs.Scalar;
      return { total, parts: { ofImages, ofTexts, scale: tf.reshape(scale, []) as tfjs.Scalar } };
    },

    evaluate: (weights) => clipFigures(tf, weights, config, dataset, tokenizer),
  };
}

/** Numbers of the training pictures of each concept, in the order of the concepts. */
function picturesByConcept(dataset: PictureSet): Map<string, number[]> {
  const groups = new Map<string, number[]>([...dataset.concepts.keys()].map((concept) => [concept, []]));
  for (const index of indicesOf(dataset, 'train')) groups.get(dataset.records[index]!.concept)!.push(index);
  return new Map([...groups].filter(([, pictures]) => pictures.length > 0));
}

/**
 * Different concepts, in proportion to their pictures: a concept that is twice in a batch would be told apart from itself.
 * Half of the batches come from concepts that are neighbours in their order, Unicode's for emoji: faces among faces and
 * fruit among fruit teach more than a face among fruit.
 */
function pickConcepts(byConcept: readonly (readonly number[])[], count: number, dice: Dice): (readonly number[])[] {
  const near = Math.max(count, NEIGHBOURHOOD);
  const start = dice.chance(0.5) ? dice.below(Math.max(1, byConcept.length - near + 1)) : undefined;
  const pool = start === undefined ? byConcept : byConcept.slice(start, start + near);
  const keyed = pool.map((pictures) => ({ pictures, key: -Math.log(1 - dice.uniform()) / pictures.length }));
  return keyed
    .sort((a, b) => a.key - b.key)
    .slice(0, count)
    .map(({ pictures }) => pictures);
}

/** −log softmax(row n)[n], averaged over the rows. */
function crossEntropyOfDiagonal(tf: TensorFlow, logits: tfjs.Tensor): tfjs.Scalar {
  const own = tf.sum(tf.mul(logits, tf.eye(logits.shape[0] as number)), -1);
  return tf.mean(tf.sub(tf.logSumExp(logits, -1), own)) as tfjs.Scalar;
}

/** As in the paper: a temperature of 0.07. */
export const FIRST_LOGIT_SCALE = Math.log(1 / 0.07);

const clipStart: Initialiser = (name) => {
  if (name === 'logit_scale') return { constant: FIRST_LOGIT_SCALE };
  if (name.includes('embeddings.')) return { normal: name.includes('patch') ? 0.07 : 0.02 };
  return undefined;
};
