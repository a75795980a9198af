import { join } from 'node:path';
import type * as tfjs from '@tensorflow/tfjs-core';
import type { Weights } from '../../ops/ops.ts';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import { CHECKPOINT, loadAverage, stepOf } from '../checkpoint.ts';
import { Parameters } from '../parameters.ts';

/** Where a run keeps its checkpoint. */
export const checkpointOf = (runs: string, name: string) => join(runs, name, CHECKPOINT);

/** How many steps another run has made. */
export const trainedSteps = (runs: string, name: string) => stepOf(checkpointOf(runs, name));

/** The averaged weights of another run, for a network that this one uses and does not train. Kept until the process ends. */
export async function frozenWeights(tf: TensorFlow, runs: string, name: string): Promise<Weights<tfjs.Tensor>> {
  const path = checkpointOf(runs, name);
  const tensors = await loadAverage(path);
  const parameters = Parameters.ofTensors(tensors);
  return parameters.weights(parameters.tensors(tf, parameters.import(tensors, path)));
}
