import type * as tfjs from '@tensorflow/tfjs-core';
import type { ClassifierConfig } from '../../networks/classifier.ts';
import type { ClipVisionConfig } from '../../networks/clip-vision.ts';
import type { Weights } from '../../ops/ops.ts';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';

type T = tfjs.Tensor;

/** A layer of a vision transformer that is to see what a stage of its teacher sees. */
interface Hint {
  readonly layer: number;
  readonly stage: number;
  /** Of the teacher's map at that stage, and of how many patches along an axis are one of its pixels. */
  readonly side: number;
  readonly patches: number;
  readonly channels: number;
}

/** Of the matrices that are learned with hints, one for each stage at most. */
export const hintNames = ({ channels }: ClassifierConfig): string[] => channels.map((_, stage) => `hints.${stage}`);

/**
 * Hints (Romero et al. 2015, "FitNets"): patches of a vision transformer learn what its convolutional teacher sees at their
 * place, at the end of its layers what the teacher's last stage does, and on the way what those before do, which tells it far more
 * than the names of what is there. A matrix from the width of the one to that of the other is learned with it.
 * Mean square of the differences, both normalised to mean 0 and variance 1 over the channels; summed over the hints.
 * Without one where no stage's pixels are whole patches.
 */
export function hinting(tf: TensorFlow, teacher: ClassifierConfig, vision: ClipVisionConfig) {
  const hints = hintsOf(teacher, vision);
  const { hidden_size: width } = vision;
  const side = Math.floor(vision.image_size / vision.patch_size);

  /** @param layers (B, 1 + N, D) after each; @param stages (B, S, S, C) after each */
  return (weights: Weights<T>, layers: readonly T[], stages: readonly T[]): tfjs.Scalar => {
    const differences = hints.map(({ layer, stage, patches, channels }) => {
      const grid = tf.reshape(tf.slice(layers[layer]!, [0, 1, 0], [-1, -1, -1]), [
        -1,
        side,
        side,
        width,
      ]) as tfjs.Tensor4D;
      const seen = tf.reshape(tf.avgPool(grid, patches, patches, 'valid'), [-1, width]);
      const matrix = weights.at('hints').get(String(stage), [width, channels]);
      const told = tf.reshape(stages[stage]!, [-1, channels]);
      return tf.mean(tf.squaredDifference(normalised(tf, tf.matMul(seen, matrix)), normalised(tf, told)));
    });
    return (differences.length > 0 ? tf.addN(differences) : tf.scalar(0)) as tfjs.Scalar;
  };
}

function hintsOf(teacher: ClassifierConfig, vision: ClipVisionConfig): Hint[] {
  const side = Math.floor(vision.image_size / vision.patch_size);
  const stages = teacher.channels
    .map((channels, stage) => ({ stage, channels, side: teacher.image_size / 2 ** (stage + 1) }))
    .filter((stage) => side % stage.side === 0);
  return stages.map((stage, i) => ({
    ...stage,
    layer: Math.ceil((vision.num_hidden_layers * (i + 1)) / stages.length) - 1,
    patches: side / stage.side,
  }));
}

/** (N, C) → rows of mean 0 and variance 1. */
function normalised(tf: TensorFlow, x: T): T {
  const { mean, variance } = tf.moments(x, -1, true);
  return tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5)));
}
