import { existsSync } from 'node:fs';
import type * as tfjs from '@tensorflow/tfjs-core';
import { InputError } from '../../../errors.ts';
import type { Weights } from '../../ops/ops.ts';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import type { Tensor } from '../../tensor.ts';
import { checkpointOf, loadAverage } from '../checkpoint.ts';
import { type Initialiser, Parameters } from '../parameters.ts';
import { isDistilledFromClip } from './distilled-from.ts';

/** The averaged weights of another run, to be used, and to start from. */
export interface TrainedNetwork {
  readonly weights: Weights<tfjs.Tensor>;
  readonly initialise: Initialiser;
}

/** Its tensors are kept until the process ends. */
export async function trainedNetwork(tf: TensorFlow, runs: string, name: string): Promise<TrainedNetwork> {
  const path = checkpointOf(runs, name);
  return networkOf(tf, name === 'clip' ? await loadClip(runs) : await loadAverage(path), path);
}

/** The same of weights that have been read. @param where names them in messages */
export function networkOf(tf: TensorFlow, tensors: ReadonlyMap<string, Tensor>, where: string): TrainedNetwork {
  const parameters = Parameters.ofTensors(tensors);
  const values = parameters.import(tensors, where);
  return {
    weights: parameters.weights(parameters.tensors(tf, values)),
    initialise: parameters.startingFrom(values),
  };
}

/** The weights of a network that is used and not trained. */
export const frozenWeights = async (tf: TensorFlow, runs: string, name: string): Promise<Weights<tfjs.Tensor>> =>
  (await trainedNetwork(tf, runs, name)).weights;

/**
 * The averaged weights of CLIP, with the text encoder that knows more words where there is one.
 * @throws InputError where that one was distilled from an earlier state of CLIP
 */
export async function loadClip(runs: string): Promise<Map<string, Tensor>> {
  const clip = await loadAverage(checkpointOf(runs, 'clip'));
  const distilled = checkpointOf(runs, 'distil');
  if (!existsSync(distilled)) return clip;
  if (!(await isDistilledFromClip(runs)))
    throw new InputError(`${distilled}: CLIP has been trained further since; run npm run train -- distil again`);
  return new Map([...clip, ...(await loadAverage(distilled))]);
}
