import { existsSync } from 'node:fs';
import type * as tfjs from '@tensorflow/tfjs-core';
import { InputError } from '../../../errors.ts';
import type { Weights } from '../../ops/ops.ts';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import type { Tensor } from '../../tensor.ts';
import { checkpointOf, loadAverage } from '../checkpoint.ts';
import { Parameters } from '../parameters.ts';
import { isDistilledFromClip } from './distilled-from.ts';

/** The averaged weights of another run, for a network that this one uses and does not train. Kept until the process ends. */
export async function frozenWeights(tf: TensorFlow, runs: string, name: string): Promise<Weights<tfjs.Tensor>> {
  const path = checkpointOf(runs, name);
  const tensors = name === 'clip' ? await loadClip(runs) : await loadAverage(path);
  const parameters = Parameters.ofTensors(tensors);
  return parameters.weights(parameters.tensors(tf, parameters.import(tensors, path)));
}

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
