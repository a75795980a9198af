import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import { unitRows } from '../../vectors.ts';
import { conceptNames, plainSet } from '../data/compose/composed-set.ts';
import { uncaptionedHyponyms } from '../data/hyponyms.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { Dice } from '../dice.ts';
import { STARTS_FROM } from '../part-names.ts';
import type { Task, TaskOptions } from '../task.ts';
import { drawWord, type Vocabulary } from '../teacher/neighbours.ts';
import { CLIP_OPTIMIZER, crossEntropyOfDiagonal, pickConcepts, picturesByName } from './clip.ts';
import { embedTokens, type FrozenText } from './clip-encoders.ts';
import { embedTexts, nearestRows } from './clip-figures.ts';
import { captionOf } from './encode-captions.ts';
import { type Embeddings, gatherRows } from './features.ts';
import type { TrainedNetwork } from './frozen.ts';

const BATCH = 128;
/** Words are many, and short. */
const WORDS = 512;
/** Of the words in the loss; that of the captions counts once. */
const WORDS_WEIGHT = 4;
/** Inverse temperature of the captions' loss. */
const SCALE = 20;

interface Batch {
  readonly captions: readonly (readonly number[])[];
  /** (B, P): of the captions' pictures, length 1 */
  readonly pictures: Float32Array;
  readonly words: readonly (readonly number[])[];
  /** (B, P): where the words belong, length 1 */
  readonly targets: Float32Array;
}

/**
 * CLIP's text encoder learns words that no caption holds from a model of language (Hinton et al. 2015): a word's embedding
 * moves to the mean of the embeddings that CLIP gave the names of the nearest concepts, weighted by how near they are.
 * Captions keep to their pictures by InfoNCE; the encoder of pictures stays as it is.
 * @param from  CLIP before that
 */
export async function distilTask(
  tf: TensorFlow,
  dataset: PictureSet,
  features: Embeddings,
  from: FrozenText & TrainedNetwork,
  { words, names, neighbours }: Vocabulary,
  { horizon, seed }: TaskOptions,
): Promise<Task<Batch>> {
  const { tokenizer, clip: config } = from;
  const byName = [...picturesByName(dataset).values()];
  const plain = picturesByName(plainSet(dataset)).size;
  const hyponyms = uncaptionedHyponyms(plainSet(dataset).concepts.values(), new Set(names));
  const width = config.text.projection_dim;
  const anchors = await embedTexts(tf, from.weights, config, tokenizer, names);
  const nearest = neighbours.nearest.shape[1]!;

  /** Where a word belongs: the direction alone counts. */
  function target(word: number, into: Float32Array): void {
    for (let k = word * nearest; k < (word + 1) * nearest; k++) {
      const anchor = anchors[neighbours.nearest.data[k]!]!;
      for (let d = 0; d < width; d++) into[d]! += neighbours.weights.data[k]! * anchor[d]!;
    }
  }

  return {
    name: 'distil',
    batchSize: BATCH + WORDS,
    optimizer: { ...CLIP_OPTIMIZER, learningRate: 5e-4, warmup: 100, horizon },
    initialise: from.initialise,
    startsFrom: STARTS_FROM.distil,

    batch(step) {
      const dice = new Dice(seed, step);
      const indices = pickConcepts(byName, plain, BATCH, dice).map((concept) => dice.pick(byName[concept]!));
      const captions = indices.map((index) => tokenizer.encode(captionOf(dataset, index, dice)).ids);
      const pictures = gatherRows(features.embeddings, indices);
      const chosen = Array.from({ length: WORDS }, () => drawWord(neighbours, dice));
      const targets = new Float32Array(WORDS * width);
      for (const [b, word] of chosen.entries()) target(word, targets.subarray(b * width, (b + 1) * width));
      const unit = (data: Float32Array) => unitRows({ data, shape: [data.length / width, width] }).data;
      const ids = chosen.map((word) => tokenizer.encode(words[word]!).ids);
      return { captions, pictures: unit(pictures), words: ids, targets: unit(targets) };
    },

    loss(weights, { captions, pictures, words, targets }) {
      const table = (values: Float32Array) => tf.tensor2d(values, [values.length / width, width]);
      const logits = tf.mul(tf.matMul(table(pictures), embedTokens(tf, weights, config, captions), false, true), SCALE);
      const ofCaptions = tf.mul(
        0.5,
        tf.add(crossEntropyOfDiagonal(tf, logits), crossEntropyOfDiagonal(tf, tf.transpose(logits))),
      ) as tfjs.Scalar;
      const cosine = tf.sum(tf.mul(embedTokens(tf, weights, config, words), table(targets)), -1);
      const ofWords = tf.mean(tf.sub(1, cosine)) as tfjs.Scalar;
      const total = tf.add(ofCaptions, tf.mul(WORDS_WEIGHT, ofWords)) as tfjs.Scalar;
      return { total, parts: { ofCaptions, ofWords } };
    },

    async evaluate(weights) {
      const embeddings = await embedTexts(tf, weights, config, tokenizer, [...hyponyms.keys()]);
      const all = conceptNames(dataset);
      const found = nearestRows(embeddings, await embedTexts(tf, weights, config, tokenizer, all));
      const right = [...hyponyms.values()].filter((concepts, i) => concepts.includes(all[found[i]![0]!]!));
      return { figures: { hyponymTop1: right.length / Math.max(1, hyponyms.size) } };
    },
  };
}
