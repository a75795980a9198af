import type * as tfjs from '@tensorflow/tfjs-core';
import { InputError } from '../../../errors.ts';
import { type ClassifierConfig, classifier } from '../../networks/classifier.ts';
import type { Weights } from '../../ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';

type T = tfjs.Tensor;

/** A trained classifier of pictures. */
export interface Teacher {
  readonly config: ClassifierConfig;
  readonly weights: Weights<T>;
}

/**
 * What a picture loses by being nearer to other concepts than its teacher says: Kullback–Leibler divergence of the teacher's
 * distribution over the names that it knows from the one by similarity. 0 where they are the same.
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
  return (similarity: T, pixels: Float32Array): tfjs.Scalar => {
    const views = tf.tensor4d(pixels, [pixels.length / (size * size * 3), size, size, 3]);
    const seen = look(tf.avgPool(views, shrink, shrink, 'valid'));
    const own = tf.gather(similarity, tf.tensor1d(places, 'int32'), 1);
    const [p, q] = [tf.logSoftmax(seen.concepts), tf.logSoftmax(own)];
    return tf.mean(tf.sum(tf.mul(tf.exp(p), tf.sub(p, q)), -1)) as tfjs.Scalar;
  };
}
