import type * as tfjs from '@tensorflow/tfjs-core';
import { InputError } from '../../../errors.ts';
import { ClassifierConfig, classifier } from '../../networks/classifier.ts';
import type { Weights } from '../../ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import type { Dataset } from '../data/dataset.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { Dice } from '../dice.ts';
import type { Task, TaskOptions } from '../task.ts';
import { wholePictures } from './clip-preprocess.ts';
import { crossEntropy, NO_LABEL } from './cross-entropy.ts';
import { type Drawing, drawingsOf, drawViews, nameOf } from './drawings.ts';
import { concatenated, indicesOf, judgedPictures } from './pictures.ts';

type T = tfjs.Tensor;

/** Pictures of one concept that can be told apart from what is its own: fewer are learned by heart. */
const ENOUGH = 2;
/** Of the targets, spread over all concepts. */
const SMOOTHING = 0.1;
const STYLE_WEIGHT = 0.5;
/** Pictures in one run of an evaluation. */
const ROWS = 64;

/** Judge and teacher, which CLIP learns from, have different sizes and seeds: the judge is to have mistakes of its own. */
export type ClassifierPart = 'judge' | 'teacher';
const CHANNELS = { judge: [32, 64, 128, 256], teacher: [32, 64, 160, 320] } as const;

/**
 * A classifier of a data set's pictures: it knows the names with at least two training pictures. Concepts of one name are one.
 * @throws InputError where there are not two such names
 */
export function classifierConfig(part: ClassifierPart, dataset: PictureSet): ClassifierConfig {
  const training = indicesOf(dataset, 'train');
  const concepts = recurringNames(dataset);
  if (concepts.length < 2) {
    throw new InputError(
      `the ${part} learns to tell things apart: it needs two training pictures each of at least two, found ${concepts.length}`,
    );
  }
  return ClassifierConfig.parse({
    image_size: 64,
    channels: CHANNELS[part],
    style_width: 32,
    concepts,
    styles: [...new Set(training.map((index) => dataset.records[index]!.style))].sort(),
  });
}

/** Names with at least two training pictures, in the order of the pictures. */
export function recurringNames(dataset: PictureSet): string[] {
  const counts = new Map<string, number>();
  for (const index of indicesOf(dataset, 'train')) {
    const name = nameOf({ set: dataset, index });
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].flatMap(([name, count]) => (count >= ENOUGH ? [name] : []));
}

/** Which pictures of a data set show what a classifier tells apart, in a style that it knows. */
export function knownTo({ concepts, styles }: ClassifierConfig, dataset: PictureSet): (index: number) => boolean {
  const [names, manners] = [new Set(concepts), new Set(styles)];
  return (index) => names.has(nameOf({ set: dataset, index })) && manners.has(dataset.records[index]!.style);
}

interface Batch {
  /** (B, S, S, 3) in [−1, 1]. */
  readonly pixels: Float32Array;
  /** One for each row. */
  readonly concepts: readonly number[];
  /** None of strong views. */
  readonly styles: readonly number[];
}

/**
 * A classifier names what a picture shows, and its style where there are several.
 * Cross-entropies, the concepts' with smoothed targets.
 * The judge is for the report alone, never part of training or drawing: a generator's own CLIP flatters it.
 * @param extra other drawings of the same things; their styles are not asked for
 */
export function classifierTask(
  tf: TensorFlow,
  part: ClassifierPart,
  dataset: Dataset,
  config: ClassifierConfig,
  { horizon, seed }: TaskOptions,
  extra?: PictureSet,
): Task<Batch> {
  const { image_size: size, concepts, styles } = config;
  const conceptLabels = new Map(concepts.map((name, label) => [name, label]));
  const styleLabels = new Map(styles.map((style, label) => [style, label]));
  const conceptOf = (drawing: Drawing) => conceptLabels.get(nameOf(drawing))!;
  const styleOf = ({ set, index }: Drawing) =>
    set === dataset ? styleLabels.get(set.records[index]!.style)! : NO_LABEL;
  const known = knownTo(config, dataset);
  const draw = drawingsOf(dataset, extra, known);
  const judged = judgedPictures(dataset, 'held-out-pair', Number.POSITIVE_INFINITY, known);
  const batchSize = 64;
  const hasStyles = styles.length > 1;
  const network = (weights: Weights<T>, pixels: Float32Array) =>
    classifier(new TfjsOps(tf), weights, config)(tf.tensor(pixels, [pixels.length / (size * size * 3), size, size, 3]));

  return {
    name: part,
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
      const { drawings, kinds, views } = drawViews(draw, batchSize, size, dice);
      const styles = drawings.map((drawing, b) => (kinds[b] === 'gentle' ? styleOf(drawing) : NO_LABEL));
      return { pixels: concatenated(views), concepts: drawings.map(conceptOf), styles };
    },

    loss(weights, batch) {
      const classes = network(weights, batch.pixels);
      const concept = crossEntropy(tf, classes.concepts, batch.concepts, SMOOTHING);
      const style = crossEntropy(tf, classes.styles, batch.styles);
      // of one style it is 0, as are its gradients
      const total = tf.add(concept, tf.mul(STYLE_WEIGHT, style)) as tfjs.Scalar;
      return { total, parts: { concept, ...(hasStyles && { style }) } };
    },

    async evaluate(weights) {
      const ranks: number[] = [];
      let rightStyles = 0;
      for (let from = 0; from < judged.indices.length; from += ROWS) {
        const rows = judged.indices.slice(from, from + ROWS);
        const [names, manners] = tf.tidy(() => {
          const classes = network(
            weights,
            wholePictures(
              rows.map((index) => dataset.read(index)),
              size,
            ),
          );
          return [classes.concepts, classes.styles] as [T, T];
        });
        const drawings = rows.map((index) => ({ set: dataset, index }));
        ranks.push(...(await ranksOf(names, drawings.map(conceptOf))));
        const styleRanks = await ranksOf(manners, drawings.map(styleOf));
        rightStyles += styleRanks.filter((rank) => rank === 0).length;
        tf.dispose([names, manners]);
      }
      const within = (best: number) => ranks.filter((rank) => rank < best).length / ranks.length;
      const style = rightStyles / ranks.length;
      return { figures: judged.name({ top1: within(1), top5: within(5), ...(hasStyles && { style }) }) };
    },
  };
}

/** How many logits are larger than the right one's, for each row. */
async function ranksOf(logits: T, labels: readonly number[]): Promise<number[]> {
  const count = logits.shape[1] as number;
  const values = await logits.data<'float32'>();
  return labels.map((label, row) => {
    const own = values.subarray(row * count, (row + 1) * count);
    return own.reduce((rank, value) => rank + (value > own[label]! ? 1 : 0), 0);
  });
}
