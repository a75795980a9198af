import type * as tfjs from '@tensorflow/tfjs-core';
import { InputError } from '../../../errors.ts';
import { type ClassifierConfig, classifier } from '../../networks/classifier.ts';
import type { ClipVisionConfig } from '../../networks/clip-vision.ts';
import type { Weights } from '../../ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import { hinting, type Seen } from './hints.ts';

type T = tfjs.Tensor;

/** A trained classifier of pictures. */
export interface Teacher {
  readonly config: ClassifierConfig;
  readonly weights: Weights<T>;
}

/** Of the hints, where what the teacher finds counts once. */
const HINTS_WEIGHT = 3;

/**
 * What an encoder of pictures learns from a teacher: to find what it finds, and to see what it sees on the way (`hinting`).
 * @param names of the concepts that a picture's similarity is asked for, in their order
 */
export function teaching(
  tf: TensorFlow,
  { config, weights }: Teacher,
  names: readonly string[],
  vision: ClipVisionConfig,
) {
  // a teacher sees the same view smaller: convolutions over as many pixels as the encoder's would cost four times as much
  const { image_size: size } = vision;
  const shrink = size / config.image_size;
  if (!Number.isInteger(shrink)) {
    throw new InputError(
      `the teacher sees pictures of ${config.image_size} pixels, the encoder of pictures such of ${size}, which must be a multiple of that: change "image_size" of the encoder`,
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
  const hints = hinting(tf, config, vision);

  /** Kullback–Leibler divergence of its distribution over the names that it knows from the one by similarity. */
  function divergence(similarity: T, concepts: T): tfjs.Scalar {
    const own = tf.gather(similarity, tf.tensor1d(places, 'int32'), 1);
    const [p, q] = [tf.logSoftmax(concepts), tf.logSoftmax(own)];
    return tf.mean(tf.sum(tf.mul(tf.exp(p), tf.sub(p, q)), -1)) as tfjs.Scalar;
  }

  return {
    /** Of the matrices that hints are learned with. */
    onlyInTraining: hints.names,

    /**
     * How far an encoder is from the teacher.
     * @param ofHints    weights of the matrices that hints are learned with
     * @param pictures   (B, S, S, 3)
     * @param seen       what it sees in them
     * @param similarity (B, names), as logits: how near it finds them to each name
     */
    loss(ofHints: Weights<T>, pictures: tfjs.Tensor4D, seen: Seen, similarity: T) {
      const told = look(tf.avgPool(pictures, shrink, shrink, 'valid'));
      const parts = { ofTeacher: divergence(similarity, told.concepts), ofHints: hints.loss(ofHints, seen, told) };
      return { total: tf.add(parts.ofTeacher, tf.mul(HINTS_WEIGHT, parts.ofHints)) as tfjs.Scalar, parts };
    },
  };
}
