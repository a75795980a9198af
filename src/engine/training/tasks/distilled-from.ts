import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { parseConfig, parseJsonObject } from '../../weights/config.ts';
import { checkpointOf, loadAverage, loadLearnedFrom, trainedSteps } from '../checkpoint.ts';
import { digestOf } from '../kept-file.ts';

/**
 * The text encoder of a runs folder that was distilled is worth what the CLIP is that it began as: once CLIP has been
 * trained further, it begins again.
 */
export async function prepareDistillation(runs: string, say: (line: string) => void): Promise<void> {
  if (!existsSync(checkpointOf(runs, 'distil')) || (await isDistilledFromClip(runs))) return;
  say('distil: CLIP has been trained further since, so it begins again');
  for (const path of [checkpointOf(runs, 'distil'), join(runs, 'distil', 'log.jsonl')]) await rm(path, { force: true });
}

/** What earlier versions wrote into a config.json. */
const Origin = z.object({ clip_step: z.int() });

/** Whether the distilled text encoder began as CLIP is now. */
export async function isDistilledFromClip(runs: string): Promise<boolean> {
  const learnedFrom = await loadLearnedFrom(checkpointOf(runs, 'distil'));
  if (learnedFrom) return learnedFrom.clip?.weights === digestOf(await loadAverage(checkpointOf(runs, 'clip')));
  const path = join(runs, 'distil', 'config.json');
  const { clip_step } = parseConfig(Origin, parseJsonObject(await readFile(path, 'utf8'), path), path);
  return clip_step === (await trainedSteps(runs, 'clip'));
}
