import type * as tfjs from '@tensorflow/tfjs-core';
import { InputError } from '../../../errors.ts';
import type { Weights } from '../../ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import type { Dataset } from '../data/dataset.ts';
import { Dice } from '../dice.ts';
import type { Task, TaskOptions } from '../task.ts';
import { clipPixels, randomView, WHOLE } from './clip-preprocess.ts';
import { judge } from './judge-network.ts';
import { indicesOf, judgedPictures } from './pictures.ts';

/** Side of the pictures that it sees. */
const SIZE = 64;
const PIXELS = SIZE * SIZE * 3;
const CHANNELS = [32, 64, 128, 256];
/** Pictures of one concept that can be told apart from what is its own: fewer are learned by heart. */
const ENOUGH = 2;
/** Of the targets, spread over all concepts (Szegedy et al. 2016). */
const SMOOTHING = 0.1;
const ROWS = 64;

interface Batch {
  /** (B, 64, 64, 3) in [−1, 1]. */
  readonly pixels: Float32Array;
  readonly labels: readonly number[];
}

/** The concepts that the judge knows, in the order of its logits: those with at least two training pictures. */
export function judgedConcepts(dataset: Dataset): string[] {
  const counts = new Map<string, number>();
  for (const index of indicesOf(dataset, 'train')) {
    const { concept } = dataset.records[index]!;
    counts.set(concept, (counts.get(concept) ?? 0) + 1);
  }
  return [...dataset.concepts.keys()].filter((concept) => (counts.get(concept) ?? 0) >= ENOUGH);
}

/**
 * The judge names what a picture shows. It's for the report alone, never part of training or drawing: a generator's own CLIP
 * flatters it. It learns from the training pictures, moved, recoloured and blurred.
 */
export function judgeTask(tf: TensorFlow, dataset: Dataset, { horizon, seed }: TaskOptions): Task<Batch> {
  const concepts = judgedConcepts(dataset);
  if (concepts.length < 2) {
    throw new InputError(
      `the judge needs two pictures each of at least two concepts, found ${concepts.length} such concepts`,
    );
  }
  const labels = new Map(concepts.map((concept, label) => [concept, label]));
  const known = (index: number) => labels.has(dataset.records[index]!.concept);
  const labelOf = (index: number) => labels.get(dataset.records[index]!.concept)!;
  const training = indicesOf(dataset, 'train').filter(known);
  const judged = judgedPictures(dataset, 'held-out-pair', Number.POSITIVE_INFINITY).filter(known);
  const batchSize = 64;
  const network = (weights: Weights<tfjs.Tensor>, pixels: Float32Array) =>
    judge(new TfjsOps(tf), weights, { channels: CHANNELS, classes: concepts.length })(
      tf.tensor(pixels, [pixels.length / PIXELS, SIZE, SIZE, 3]),
    );

  return {
    name: 'judge',
    batchSize,
    optimizer: {
      learningRate: 2e-3,
      warmup: 200,
      horizon,
      average: 0.999,
      beta1: 0.9,
      beta2: 0.99,
      eps: 1e-8,
      weightDecay: 0.05,
      maxNorm: 1,
    },

    batch(step) {
      const dice = new Dice(seed, step);
      const indices = Array.from({ length: batchSize }, () => dice.pick(training));
      const pixels = new Float32Array(batchSize * PIXELS);
      for (const [b, index] of indices.entries()) {
        const target = pixels.subarray(b * PIXELS, (b + 1) * PIXELS);
        clipPixels(dataset.read(index), randomView(dice), SIZE, target);
        recolour(target, dice);
        if (dice.chance(0.3)) blur(target);
      }
      return { pixels, labels: indices.map(labelOf) };
    },

    loss(weights, { pixels, labels }) {
      const logits = network(weights, pixels);
      const right = tf.oneHot(tf.tensor1d([...labels], 'int32'), concepts.length);
      const targets = tf.add(tf.mul(tf.cast(right, 'float32'), 1 - SMOOTHING), SMOOTHING / concepts.length);
      const logProbabilities = tf.sub(logits, tf.logSumExp(logits, -1, true));
      return { total: tf.neg(tf.mean(tf.sum(tf.mul(targets, logProbabilities), -1))) as tfjs.Scalar, parts: {} };
    },

    async evaluate(weights) {
      const rankings = judged.map(() => 0);
      for (let from = 0; from < judged.length; from += ROWS) {
        const rows = judged.slice(from, from + ROWS);
        const logits = tf.tidy(() => network(weights, wholePixels(dataset, rows)));
        const values = logits.dataSync() as Float32Array;
        logits.dispose();
        for (const [i, index] of rows.entries()) {
          const own = values.subarray(i * concepts.length, (i + 1) * concepts.length);
          rankings[from + i] = own.reduce((rank, value) => rank + (value > own[labelOf(index)]! ? 1 : 0), 0);
        }
      }
      const within = (rank: number) => rankings.filter((found) => found < rank).length / rankings.length;
      return { figures: { top1: within(1), top5: within(5) } };
    },
  };
}

function wholePixels(dataset: Dataset, indices: readonly number[]): Float32Array {
  const pixels = new Float32Array(indices.length * PIXELS);
  for (const [i, index] of indices.entries())
    clipPixels(dataset.read(index), WHOLE, SIZE, pixels.subarray(i * PIXELS, (i + 1) * PIXELS));
  return pixels;
}

/** Each channel a little stronger or weaker, counted from white. */
function recolour(pixels: Float32Array, dice: Dice): void {
  const gains = [0, 1, 2].map(() => 0.85 + 0.3 * dice.uniform());
  for (let i = 0; i < pixels.length; i++) pixels[i] = Math.max(-1, 1 + (pixels[i]! - 1) * gains[i % 3]!);
}

/** Each square of 2 × 2 pixels by its mean, in place. */
function blur(pixels: Float32Array): void {
  const at = (x: number, y: number, c: number) => (y * SIZE + x) * 3 + c;
  for (let y = 0; y < SIZE; y += 2) {
    for (let x = 0; x < SIZE; x += 2) {
      for (let c = 0; c < 3; c++) {
        const square = [at(x, y, c), at(x + 1, y, c), at(x, y + 1, c), at(x + 1, y + 1, c)];
        const mean = square.reduce((sum, i) => sum + pixels[i]!, 0) / 4;
        for (const i of square) pixels[i] = mean;
      }
    }
  }
}
