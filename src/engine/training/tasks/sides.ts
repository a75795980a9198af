import type * as tfjs from '@tensorflow/tfjs-core';
import type { Weights } from '../../ops/ops.ts';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import { plainSet, shownIn, withCompositions } from '../data/compose/composed-set.ts';
import { SIDES, type Side } from '../data/compose/compositions.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { type ClipConfig, embedPixels, unitLength } from './clip-encoders.ts';
import { wholePictures } from './clip-preprocess.ts';
import { crossEntropy, NO_LABEL } from './cross-entropy.ts';
import { evaluated } from './evaluated.ts';

type T = tfjs.Tensor;

const ALL = Object.keys(SIDES) as Side[];
/** Held-out compositions to judge by; of 300 about a third are of two things. */
const COMPOSED = 300;
const JUDGED = 64;

/** Numbers of the names of what is on each side, in the order of SIDES; of no other pictures than those of two things. */
export function sideLabels(set: PictureSet, index: number, numbers: ReadonlyMap<string, number>): number[] | undefined {
  const things = shownIn(set, index)?.things.filter(({ side }) => side !== undefined) ?? [];
  if (things.length === 0) return undefined;
  return ALL.map((side) => numbers.get(things.find((thing) => thing.side === side)?.name ?? '') ?? NO_LABEL);
}

/** Of a picture without. */
export const NO_SIDES: readonly number[] = ALL.map(() => NO_LABEL);

/** Matrices that tell from z_i what is on a side; they begin as if it were the only thing, and are no part of the model. */
export const SIDE_PARAMETERS = ALL.map((side) => `sides.${side}`);

/**
 * Which names are on the sides of pictures (B, P): cross-entropy of the names by similarity to z_i·M of each side, averaged over the sides.
 * @param ofNames (N, P) of length 1
 * @param labels  of each picture
 */
export function sidesLoss(
  tf: TensorFlow,
  weights: Weights<T>,
  images: T,
  ofNames: T,
  scale: number,
  labels: readonly (readonly number[])[],
): tfjs.Scalar {
  const ofSides = ALL.map((side, i) =>
    crossEntropy(
      tf,
      tf.mul(similarityAt(tf, weights, side, images, ofNames), scale),
      labels.map((row) => row[i]!),
    ),
  );
  return tf.div(tf.addN(ofSides), ALL.length) as tfjs.Scalar;
}

function similarityAt(tf: TensorFlow, weights: Weights<T>, side: Side, images: T, ofNames: T): T {
  const width = ofNames.shape[1]!;
  const there = tf.matMul(images, weights.get(`sides.${side}`, [width, width]));
  return tf.matMul(unitLength(tf, there), ofNames, false, true);
}

/**
 * What judges by held-out pictures of two things: it gives the share of things whose name is the nearest on their side.
 * @returns undefined where there are no such pictures
 */
export function sidesJudge(tf: TensorFlow, dataset: PictureSet, numbers: ReadonlyMap<string, number>, ofNames: T) {
  const plain = plainSet(dataset);
  const heldOut = withCompositions(plain, { count: COMPOSED, seed: 0, heldOut: true });
  const judged = heldOut.records.flatMap((_, index) => {
    const labels = index < plain.records.length ? undefined : sideLabels(heldOut, index, numbers);
    return labels ? [{ index, labels }] : [];
  });
  const shown = judged.slice(0, JUDGED);
  if (shown.length === 0) return undefined;
  const pictures = shown.map(({ index }) => heldOut.read(index));

  return async (weights: Weights<T>, config: ClipConfig): Promise<number> => {
    const found = await evaluated(tf, () => {
      const images = embedPixels(tf, weights, config, wholePictures(pictures, config.vision.image_size));
      const nearest = ALL.map((side) => tf.argMax(similarityAt(tf, weights, side, images, ofNames), 1));
      return tf.cast(tf.stack(nearest, 1), 'float32');
    });
    const right = shown.flatMap(({ labels }, i) =>
      labels.flatMap((label, s) => (label === NO_LABEL ? [] : [Number(found.data[i * ALL.length + s] === label)])),
    );
    return right.reduce((sum, one) => sum + one, 0) / right.length;
  };
}
