import type * as tfjs from '@tensorflow/tfjs-core';
import { ClassifierConfig, classifier } from '../../src/engine/networks/classifier.ts';
import { TfjsOps } from '../../src/engine/ops/tfjs-ops.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import type { Teacher } from '../../src/engine/training/tasks/teaching.ts';
import { SMALL_JUDGE } from '../report/random-judge.ts';
import { tensorflow as tf } from './tensorflow-js.ts';

/** A small teacher that has not been trained. */
export function randomTeacher(concepts: readonly string[], styles: readonly string[] = ['flat']): Teacher {
  const config = ClassifierConfig.parse({ ...SMALL_JUDGE, concepts, styles });
  const pixels: tfjs.Tensor = tf.zeros([1, config.image_size, config.image_size, 3]);
  const parameters = Parameters.of(new TfjsOps(tf), (weights) => classifier(new TfjsOps(tf), weights, config)(pixels));
  return { config, weights: parameters.weights(parameters.tensors(tf, parameters.initialise(1))) };
}
