import { join } from 'node:path';
import { writeSafetensors } from '../weights/safetensors.ts';
import { loadFloat16 } from './expect-float16.ts';
import { replaceFile } from './replace-file.ts';

/**
 * Writes a judge's averaged weights beside its config.json, in float16: the folder of its run is then a network to open.
 * @throws NonFiniteWeightError where it has diverged; the file is then as it was
 */
export async function exportJudge(runs: string): Promise<void> {
  const weights = await loadFloat16(runs, 'judge');
  const path = join(runs, 'judge', 'model.safetensors');
  await replaceFile(path, (partial) => writeSafetensors(partial, weights, { dtype: 'F16' }));
}
