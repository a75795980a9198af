import { existsSync } from 'node:fs';
import { averageEntries, checkpointOf } from './checkpoint.ts';
import { expectSizes, isModelPart } from './expect-sizes.ts';
import { readLearnt } from './kept-file.ts';
import type { Part } from './part-names.ts';
import { isConfigured, readRunConfig } from './run-config.ts';
import { normalisationPath } from './tasks/normalisation.ts';

/**
 * Opens what a part's run has, so that damage shows before hours are spent on what comes first: config.json, the header of
 * its checkpoint, with which the file is as long as it should be, and what the prior has learned in terms of.
 * @throws InputError naming the file, what was expected and what was found
 */
export async function checkRun(runs: string, part: Part): Promise<void> {
  const config = isConfigured(part) ? await readRunConfig(runs, part) : undefined;
  const path = checkpointOf(runs, part);
  if (!existsSync(path)) return;
  const weights = await averageEntries(path);
  if (config && isModelPart(part)) expectSizes(runs, part, config, weights);
  if (part === 'prior') await readLearnt(path, normalisationPath(runs));
}
