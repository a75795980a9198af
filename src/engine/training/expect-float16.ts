import type { Tensor } from '../tensor.ts';
import { NonFiniteWeightError } from '../weights/finite.ts';
import { FLOAT16_INFINITE_FROM } from '../weights/half.ts';
import { checkpointOf, loadAverage, wayBack } from './checkpoint.ts';
import type { Part } from './part-names.ts';

/**
 * The averaged weights of a run that a model is to have in float16.
 * @throws NonFiniteWeightError where the run has diverged, with what can be done
 */
export async function loadFloat16(runs: string, part: Part): Promise<Map<string, Tensor>> {
  const path = checkpointOf(runs, part);
  const weights = await loadAverage(path);
  const overflow = describeOverflow(weights);
  if (overflow) throw new NonFiniteWeightError(`${path}: ${overflow}. The run has diverged: ${await wayBack(path)}`);
  return weights;
}

/** What is no finite number in float16, by its first tensor; undefined where all are. */
export function describeOverflow(weights: ReadonlyMap<string, Tensor>): string | undefined {
  let [total, count] = [0, 0];
  let first: string | undefined;
  for (const [name, { data }] of weights) {
    total += data.length;
    for (let i = 0; i < data.length; i++) {
      if (Math.abs(data[i]!) < FLOAT16_INFINITE_FROM) continue;
      first ??= `${name}: expected numbers that are finite in float16, which ends at 65504, found ${data[i]}`;
      count++;
    }
  }
  return first && `${first}, and ${count} such of ${total} in all`;
}
