import type * as tfjs from '@tensorflow/tfjs-core';
import { InputError } from '../../../errors.ts';
import { type Classes, type ClassifierConfig, classifier } from '../../networks/classifier.ts';
import type { Weights } from '../../ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';

type T = tfjs.Tensor;

/** A trained classifier of pictures. */
export interface Teacher {
  readonly config: ClassifierConfig;
  readonly weights: Weights<T>;
}

/**
 * What CLIP learns from a teacher.
 * @param names of the concepts that have vectors, in their order
 * @param size of the pictures
 */
export function teaching(tf: TensorFlow, { config, weights }: Teacher, names: readonly string[], size: number) {
  // a teacher sees the same view smaller: convolutions over as many pixels as CLIP's would cost four times as much
  const shrink = size / config.image_size;
  if (!Number.isInteger(shrink)) {
    throw new InputError(
      `the teacher sees pictures of ${config.image_size} pixels, CLIP of ${size}: train one with an "image_size" that divides ${size}`,
    );
  }
  const places = config.concepts.map((name) => names.indexOf(name));
  const unknown = config.concepts.find((_, i) => places[i] === -1);
  if (unknown) {
    throw new InputError(
      `the teacher knows “${unknown}”, of which the data set has no picture: delete its run, and train one on this data set`,
    );
  }
  const look = classifier(new TfjsOps(tf), weights, config);
  return {
    /** What it says of pictures (B, S, S, 3). */
    look: (pixels: tfjs.Tensor4D): Classes<T> => look(tf.avgPool(pixels, shrink, shrink, 'valid')),

    /**
     * What pictures lose by being nearer to other concepts than the teacher says: Kullback–Leibler divergence of its distribution
     * over the names that it knows, by its logits, from the one by similarity (B, concepts). 0 where they are the same.
     */
    divergence(similarity: T, concepts: T): tfjs.Scalar {
      const own = tf.gather(similarity, tf.tensor1d(places, 'int32'), 1);
      const [p, q] = [tf.logSoftmax(concepts), tf.logSoftmax(own)];
      return tf.mean(tf.sum(tf.mul(tf.exp(p), tf.sub(p, q)), -1)) as tfjs.Scalar;
    },
  };
}
