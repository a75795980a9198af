import { join } from 'node:path';
import { writeSafetensors } from '../weights/safetensors.ts';
import { checkpointOf, loadAverage } from './checkpoint.ts';
import { replaceFile } from './replace-file.ts';

/** Writes a judge's averaged weights beside its config.json, in float16: the folder of its run is then a network to open. */
export async function exportJudge(runs: string): Promise<void> {
  const weights = await loadAverage(checkpointOf(runs, 'judge'));
  const path = join(runs, 'judge', 'model.safetensors');
  await replaceFile(path, (partial) => writeSafetensors(partial, weights, { dtype: 'F16' }));
}
