import { existsSync } from 'node:fs';
import {
  checkpointOf,
  type LearnedFrom,
  loadAverage,
  loadNotes,
  type NetworkState,
  trainedSteps,
} from './checkpoint.ts';
import { digestOf } from './kept-file.ts';
import { BEGINS_AS, LEARNS_FROM, type Part } from './part-names.ts';

/** What a part that is trained now learns from; of one that it began with, how that was then. */
export async function learnsFrom(runs: string, part: Part): Promise<LearnedFrom> {
  const first = BEGINS_AS[part];
  const before = first && (await learnedFrom(runs, part))?.[first];
  return { ...(await statesOf(runs, LEARNS_FROM[part])), ...(before && { [first]: before }) };
}

/** A part that has not been trained since one that it learns from became another. */
export interface Misfit {
  readonly part: Part;
  readonly source: Part;
  /** When the part last learned from it; absent where there was none. */
  readonly before: NetworkState | undefined;
  readonly now: NetworkState | undefined;
}

/** Those among some parts of a runs folder; checkpoints of earlier versions, which don't tell, are none. */
export async function findMisfits(runs: string, parts: readonly Part[]): Promise<Misfit[]> {
  const found: Misfit[] = [];
  const now = await statesOf(runs, [...new Set(parts.flatMap((part) => LEARNS_FROM[part]))]);
  for (const part of parts) {
    const before = await learnedFrom(runs, part);
    for (const source of before ? LEARNS_FROM[part] : []) {
      if (before![source]?.weights !== now[source]?.weights)
        found.push({ part, source, before: before![source], now: now[source] });
    }
  }
  return found;
}

/** Undefined where there is no checkpoint, or one that does not tell. */
export const learnedFrom = async (runs: string, part: Part): Promise<LearnedFrom | undefined> =>
  (await loadNotes(checkpointOf(runs, part))).learnedFrom;

/** How those parts are that have been trained. */
export async function statesOf(runs: string, parts: readonly Part[]): Promise<LearnedFrom> {
  const trained = parts.filter((part) => existsSync(checkpointOf(runs, part)));
  return Object.fromEntries(
    await Promise.all(
      trained.map(async (part) => {
        const weights = digestOf(await loadAverage(checkpointOf(runs, part)));
        return [part, { step: await trainedSteps(runs, part), weights }] as const;
      }),
    ),
  );
}
