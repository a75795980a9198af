import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { parseConfig } from '../weights/config.ts';
import { writeJson } from '../weights/write-model.ts';
import { EXTRAS, PARTS } from './part-names.ts';

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
/** In a run's folder: the history of what it started from. */
const BEFORE = 'before.json';
/** A pause between two entries of a log that is longer lies between two runs. */
const PAUSE = 15 * 60_000;

/** Parts that live on in the weights of another. */
const LIVES_IN: Partial<Record<Trained, Trained>> = { teacher: 'clip', distil: 'clip', 'fine-tune': 'decoder' };

/**
 * What the runs of a folder have made, and what they started from.
 * @param decoder the run that the decoder is taken from
 */
export async function historyOfRuns(runs: string, decoder: 'decoder' | 'fine-tune'): Promise<History> {
  const history = new Map<Trained, PartHistory>();
  for (const part of [...PARTS, ...EXTRAS]) {
    const before = await readBefore(join(runs, part, BEFORE));
    const isTaken = part !== 'fine-tune' || decoder === part;
    const own = isTaken ? await readLog(join(runs, part, 'log.jsonl')) : undefined;
    const last = own ?? before;
    if (!last) continue;
    const sum = (key: 'steps' | 'hours') => (before?.[key] ?? 0) + (own?.[key] ?? 0);
    history.set(part, { steps: sum('steps'), hours: sum('hours'), figures: last.figures });
  }
  return history;
}

/** Keeps a model's history with the model. */
export const writeHistory = (model: string, history: History): Promise<void> =>
  writeJson(join(model, OF_MODEL), Object.fromEntries(history));

/** A run that starts from a part of a model goes on with its history, and that of the parts that live in it. */
export async function keepHistory(model: string, runs: string, part: Trained): Promise<void> {
  const path = join(model, OF_MODEL);
  if (!existsSync(path)) return;
  const history = parseConfig(z.partialRecord(z.enum([...PARTS, ...EXTRAS]), PartHistory), await readJson(path), path);
  for (const name of [...PARTS, ...EXTRAS]) {
    const before = history[name];
    if (!before || (LIVES_IN[name] ?? name) !== part) continue;
    await mkdir(join(runs, name), { recursive: true });
    await writeJson(join(runs, name, BEFORE), before);
  }
}

async function readBefore(path: string): Promise<PartHistory | undefined> {
  return existsSync(path) ? parseConfig(PartHistory, await readJson(path), path) : undefined;
}

const readJson = async (path: string): Promise<unknown> => JSON.parse(await readFile(path, 'utf8'));

interface Entry {
  readonly time: number;
  readonly step?: number;
  readonly evaluation?: Readonly<Record<string, number>>;
}

async function readLog(path: string): Promise<PartHistory | undefined> {
  if (!existsSync(path)) return undefined;
  const lines = (await readFile(path, 'utf8')).trim().split('\n');
  const entries: Entry[] = lines.map((line) => JSON.parse(line));
  const between = entries.slice(1).map(({ time }, i) => time - entries[i]!.time);
  return {
    steps: entries.findLast(({ step }) => step !== undefined)?.step ?? 0,
    hours: between.reduce((sum, time) => sum + (time < PAUSE ? time : 0), 0) / 3_600_000,
    figures: entries.findLast(({ evaluation }) => evaluation)?.evaluation ?? {},
  };
}
