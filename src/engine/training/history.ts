import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { median } from '../median.ts';
import { parseConfig, parseJsonObject } from '../weights/config.ts';
import { writeJson } from '../weights/write-model.ts';
import { checkpointOf, trainedSteps } from './checkpoint.ts';
import { EXTRAS, PARTS } from './part-names.ts';
import { type LogEntry, readLog } from './run-log.ts';

/** How a part of a model came to be. */
const PartHistory = z.strictObject({
  steps: z.int(),
  hours: z.number(),
  /** The last ones on held-out pictures. */
  figures: z.record(z.string(), z.number()),
});
type PartHistory = z.infer<typeof PartHistory>;

export type Trained = (typeof PARTS)[number] | (typeof EXTRAS)[number];
/** Of each part that was trained, in the order of the model card. */
export type History = ReadonlyMap<Trained, PartHistory>;

/** In a model folder: the history of its parts. */
const OF_MODEL = 'training.json';
/** In a run's folder: the history of what it started from, and of the parts that live in that. */
const BEFORE = 'before.json';
/** Milliseconds; no evaluation takes longer. */
const LONGEST_EVALUATION = 15 * 60_000;
/** Of a usual step's time; what is longer, from a line of the log to the next step, is a pause between two runs. */
const LONGEST_STEP = 10;

/** Parts that live on in the weights of another. */
const LIVES_IN: Partial<Record<Trained, Trained>> = {
  teacher: 'clip',
  distil: 'clip',
  vision: 'clip',
  'fine-tune': 'decoder',
};

/**
 * What the runs of a folder have made, and what they started from.
 * @param decoder the run that the decoder is taken from
 */
export async function historyOfRuns(runs: string, decoder: 'decoder' | 'fine-tune'): Promise<History> {
  const all = [...PARTS, ...EXTRAS];
  const started = Object.assign({}, ...(await Promise.all(all.map((part) => readHistory(join(runs, part, BEFORE))))));
  const history = new Map<Trained, PartHistory>();
  for (const part of all) {
    const before: PartHistory | undefined = started[part];
    const isTaken = part !== 'fine-tune' || decoder === part;
    const own = isTaken ? await ownHistory(runs, part) : undefined;
    if (!own && !before) continue;
    const sum = (key: 'steps' | 'hours') => (before?.[key] ?? 0) + (own?.[key] ?? 0);
    history.set(part, { steps: sum('steps'), hours: sum('hours'), figures: own?.figures ?? before?.figures ?? {} });
  }
  return history;
}

/** Keeps a model's history with the model. */
export const writeHistory = (model: string, history: History): Promise<void> =>
  writeJson(join(model, OF_MODEL), Object.fromEntries(history));

/** A run that starts from a part of a model goes on with its history, and that of the parts that live in it. */
export async function keepHistory(model: string, runs: string, part: Trained): Promise<void> {
  const entries = Object.entries(await readHistory(join(model, OF_MODEL))) as [Trained, PartHistory][];
  const kept = entries.filter(([name]) => (LIVES_IN[name] ?? name) === part);
  if (kept.length > 0) await writeJson(join(runs, part, BEFORE), Object.fromEntries(kept));
}

const Histories = z.partialRecord(z.enum([...PARTS, ...EXTRAS]), PartHistory);

async function readHistory(path: string): Promise<z.infer<typeof Histories>> {
  if (!existsSync(path)) return {};
  return parseConfig(Histories, parseJsonObject(await readFile(path, 'utf8'), path), path);
}

/** Undefined where it has made no step; without figures where it has not been evaluated. */
async function ownHistory(runs: string, part: Trained) {
  const steps = existsSync(checkpointOf(runs, part)) ? await trainedSteps(runs, part) : 0;
  if (steps === 0) return undefined;
  const entries = leadingTo(steps, await readLog(join(runs, part, 'log.jsonl')));
  const figures = entries.findLast(({ evaluation }) => evaluation)?.evaluation;
  return { steps, hours: durationOf(entries) / 3_600_000, figures };
}

/** Without the steps that were lost by a sudden stop, or given up for an earlier checkpoint, and made again. */
function leadingTo(step: number, entries: readonly LogEntry[]): LogEntry[] {
  let last = step;
  const kept = entries.toReversed().filter((entry) => {
    if (entry.step > last) return false;
    last = entry.evaluation ? entry.step : entry.step - 1;
    return true;
  });
  return kept.reverse();
}

/** Milliseconds of steps and evaluations, without what lies between two runs. */
function durationOf(entries: readonly LogEntry[]): number {
  const durations = entries.slice(1).map(({ time, evaluation }, i) => ({
    duration: time - entries[i]!.time,
    isStep: evaluation === undefined,
  }));
  const ofSteps = durations.filter(({ isStep }) => isStep).map(({ duration }) => duration);
  const longest = LONGEST_STEP * median(ofSteps);
  const counted = durations.filter(({ duration, isStep }) => duration <= (isStep ? longest : LONGEST_EVALUATION));
  return counted.reduce((sum, { duration }) => sum + duration, 0);
}
