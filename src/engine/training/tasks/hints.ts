import type * as tfjs from '@tensorflow/tfjs-core';
import type { Classes, ClassifierConfig } from '../../networks/classifier.ts';
import { type ClipVisionConfig, patchesAlong } from '../../networks/clip-vision.ts';
import type { Weights } from '../../ops/ops.ts';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';

type T = tfjs.Tensor;

/** A layer of a vision transformer that is to see what a stage of its teacher sees. */
interface Hint {
  readonly layer: number;
  readonly stage: number;
  /** Along an axis, of which one pixel of the teacher's map at that stage consists. */
  readonly patches: number;
  readonly channels: number;
}

/** What an encoder of pictures sees. */
export interface Seen {
  /** (B, 1 + N, D) after each. */
  readonly layers: readonly T[];
  /** (B, P) */
  readonly embedding: T;
}
type Told = Pick<Classes<T>, 'stages' | 'style'>;

/**
 * Hints (Romero et al. 2015, "FitNets"): patches of a vision transformer learn what its convolutional teacher sees at their
 * place, at the end of its layers what the teacher's last stage does, and on the way what those before do, as far as its pixels
 * are whole patches; which tells it far more than the names of what is there. The embedding learns in which style a picture is,
 * which the names don't say. A matrix from the width of the one to that of the other is learned with each.
 * Mean square of the differences, both normalised to mean 0 and variance 1 over the channels; summed over the hints.
 * @returns the loss, and the names of those matrices
 */
export function hinting(tf: TensorFlow, teacher: ClassifierConfig, vision: ClipVisionConfig) {
  const hints = hintsOf(teacher, vision);
  const { hidden_size: width, projection_dim: embeddingWidth } = vision;
  const side = patchesAlong(vision);

  const loss = (weights: Weights<T>, { layers, embedding }: Seen, { stages, style }: Told): tfjs.Scalar => {
    const difference = (told: T, seen: T, what: string, [from, to]: readonly [number, number]) => {
      const matrix = weights.at('hints').get(what, [from, to]);
      const own = tf.matMul(tf.reshape(seen, [-1, from]), matrix);
      return tf.mean(tf.squaredDifference(normalised(tf, own), normalised(tf, tf.reshape(told, [-1, to]))));
    };
    const ofStages = hints.map(({ layer, stage, patches, channels }) => {
      const grid = tf.reshape(tf.slice(layers[layer]!, [0, 1, 0], [-1, -1, -1]), [
        -1,
        side,
        side,
        width,
      ]) as tfjs.Tensor4D;
      return difference(stages[stage]!, tf.avgPool(grid, patches, patches, 'valid'), String(stage), [width, channels]);
    });
    return tf.addN([
      ...ofStages,
      difference(style, embedding, 'style', [embeddingWidth, teacher.style_width]),
    ]) as tfjs.Scalar;
  };
  return { loss, names: [...hints.map(({ stage }) => stage), 'style'].map((what) => `hints.${what}`) };
}

function hintsOf(teacher: ClassifierConfig, vision: ClipVisionConfig): Hint[] {
  const side = patchesAlong(vision);
  const stages = teacher.channels
    .map((channels, stage) => ({ stage, channels, patches: (side * 2 ** (stage + 1)) / teacher.image_size }))
    .filter(({ patches }) => Number.isInteger(patches));
  return stages.map((stage, i) => ({
    ...stage,
    layer: Math.ceil((vision.num_hidden_layers * (i + 1)) / stages.length) - 1,
  }));
}

/** (N, C) → rows of mean 0 and variance 1. */
function normalised(tf: TensorFlow, x: T): T {
  const { mean, variance } = tf.moments(x, -1, true);
  return tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5)));
}
