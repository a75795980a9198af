import { join } from 'node:path';
import { writeSafetensors } from '../weights/safetensors.ts';
import { checkpointOf, loadAverage } from './checkpoint.ts';

/** Writes a judge's averaged weights beside its config.json, in float16: the folder of its run is then a network to open. */
export async function exportJudge(runs: string): Promise<void> {
  const weights = await loadAverage(checkpointOf(runs, 'judge'));
  await writeSafetensors(join(runs, 'judge', 'model.safetensors'), weights, { dtype: 'F16' });
}
