import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../../errors.ts';
import type { Tensor } from '../tensor.ts';
import { parseConfig, parseJsonObject } from '../weights/config.ts';
import {
  readMetadata,
  readSafetensors,
  readSafetensorsHeader,
  readTensor,
  SafetensorsError,
  shortPath,
  type TensorEntry,
  writeSafetensors,
} from '../weights/safetensors.ts';
import type { TrainingState } from './optimizer/optimizer.ts';
import type { Parameters } from './parameters.ts';
import { type Part, STARTS_FROM } from './part-names.ts';
import { replaceFile } from './replace-file.ts';

/** Its name in a run's folder. */
export const CHECKPOINT = 'checkpoint.safetensors';
/** The last one before the loss of a run was no number; there until the run is well again. */
export const CHECKPOINT_BEFORE = 'checkpoint-before.safetensors';

/** For the error that weights of a checkpoint are of other sizes: where they are, by what, and what mends it. */
export function sizedBy(path: string): string {
  const folder = dirname(path);
  const part = basename(folder) as Part;
  const config = join(dirname(folder), STARTS_FROM[part] ?? part, 'config.json');
  return `${path}, whose sizes ${config} tells: put back the config.json that it was trained with, or name another --runs`;
}

/** Where a run keeps its checkpoint. */
export const checkpointOf = (runs: string, name: string) => join(runs, name, CHECKPOINT);

/** How many steps another run has made. */
export const trainedSteps = (runs: string, name: string) => stepOf(checkpointOf(runs, name));

/** How a network was when another learned from it. */
const NetworkState = z.object({
  step: z.int(),
  /** SHA-256 of its averaged weights: two trainings can have made as many steps. */
  weights: z.string(),
});
export type NetworkState = z.infer<typeof NetworkState>;
const LearnedFrom = z.record(z.string(), NetworkState);
/** The networks that a part learned from. */
export type LearnedFrom = Readonly<Partial<Record<Part, NetworkState>>>;

const Schedule = z.object({
  /** Over which the learning rate falls. */
  steps: z.int().optional(),
  /** At its peak. */
  learningRate: z.number().optional(),
  /** Of the task's own peak. */
  ofPeak: z.number().optional(),
  /** For how long it has fallen over the time instead of steps, in milliseconds. */
  adapted: z.number().optional(),
});
/** Of the learning rate, as far as it is another than the task's own. */
export type Schedule = Readonly<z.infer<typeof Schedule>>;

/** What a checkpoint says besides its numbers. */
export interface Notes {
  readonly learnedFrom?: LearnedFrom;
  readonly schedule?: Schedule;
}

const PARTS = ['values', 'average', 'adam.first', 'adam.second'] as const;
const partOf = (state: TrainingState, part: (typeof PARTS)[number]): Float32Array =>
  ({
    values: state.values,
    average: state.average,
    'adam.first': state.moments.first,
    'adam.second': state.moments.second,
  })[part];

/** Writes a checkpoint; the one before stays until the new one is whole and on the disk. */
export async function saveCheckpoint(
  path: string,
  parameters: Parameters,
  state: TrainingState,
  { learnedFrom = {}, schedule = {} }: Notes = {},
): Promise<void> {
  const tensors = new Map<string, Tensor>([['step', { data: Float32Array.of(state.step), shape: [1] }]]);
  for (const part of PARTS) {
    for (const [name, tensor] of parameters.export(partOf(state, part))) tensors.set(`${part}/${name}`, tensor);
  }
  const metadata = { learned_from: JSON.stringify(learnedFrom), schedule: JSON.stringify(schedule) };
  await replaceFile(path, (partial) => writeSafetensors(partial, tensors, { metadata }));
}

/**
 * The averaged weights of a run, in torch's layout, for networks that are used and not trained.
 * @throws InputError where the run has no checkpoint yet
 */
export async function loadAverage(path: string): Promise<Map<string, Tensor>> {
  const entries = [...(await averageEntries(path))];
  return new Map(await Promise.all(entries.map(async ([name, entry]) => [name, await readTensor(entry)] as const)));
}

/** The same, unread: where they lie, by a header that the file is as long as. @throws SafetensorsError when it is cut short */
export async function averageEntries(path: string): Promise<Map<string, TensorEntry>> {
  const prefix = 'average/';
  const entries = [...(await openCheckpoint(path))].filter(([key]) => key.startsWith(prefix));
  return new Map(entries.map(([key, entry]) => [key.slice(prefix.length), entry]));
}

/** What is there of a checkpoint's notes: none where it is missing, and those of earlier versions have fewer. */
export async function loadNotes(path: string): Promise<Notes> {
  if (!existsSync(path)) return {};
  const { learned_from, schedule } = await explainDamage(path, () => readMetadata(path));
  const parse = <N>(form: z.ZodType<N>, note: string) => parseConfig(form, parseJsonObject(note, path), path);
  return {
    ...(learned_from !== undefined && { learnedFrom: parse(LearnedFrom, learned_from) }),
    ...(schedule !== undefined && { schedule: parse(Schedule, schedule) }),
  };
}

/** Has a checkpoint this parameter? That of an imported model lacks what is only there in training. */
export const hasParameter = async (path: string, name: string): Promise<boolean> =>
  (await averageEntries(path)).has(name);

/** The step that a checkpoint was written at. */
async function stepOf(path: string): Promise<number> {
  const entry = (await openCheckpoint(path)).get('step');
  return stepFrom(path, entry && (await readTensor(entry)));
}

/** What helps where the weights of a run have grown too large: an earlier checkpoint or none, and a lower learning rate. */
export async function wayBack(path: string): Promise<string> {
  const folder = dirname(path);
  const before = join(folder, CHECKPOINT_BEFORE);
  const earlier = existsSync(before)
    ? `go back to step ${await stepOf(before)}, which means to put ${before} in the place of ${path},`
    : `start anew in another --runs, or with ${folder} deleted,`;
  return `${earlier} and call npm run train -- ${basename(folder)} with a lower --learning-rate`;
}

function stepFrom(path: string, step: Tensor | undefined): number {
  if (!step) throw new InputError(`${path}: no checkpoint of a training run (it holds no "step")`);
  return step.data[0]!;
}

async function openCheckpoint(path: string) {
  requireCheckpoint(path);
  return explainDamage(path, () => readSafetensorsHeader(path));
}

/** A checkpoint that can't be read is not begun anew without being asked: it may be days of work. */
async function explainDamage<R>(path: string, read: () => Promise<R>): Promise<R> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    const what = error.message.replace(`${shortPath(path)}: `, '');
    throw new SafetensorsError(
      `${path} is damaged (${what}): put back a copy of it, or delete it, and that part begins anew`,
    );
  }
}

/** @throws InputError that names the command to call first, where it is not there */
export function requireCheckpoint(path: string): void {
  if (existsSync(path)) return;
  const folder = dirname(path);
  throw new InputError(
    `${path} is missing: first call npm run train -- ${basename(folder)} --runs ${dirname(folder)}, with the --data of the others`,
  );
}

/**
 * @param start          values to start from
 * @param onlyInTraining parameters that take these where the checkpoint, as that of an imported model, lacks them, or has
 *   them in another size, as of another data set
 * @returns undefined where there is none yet.
 * @throws SafetensorsError when it is cut short, WeightMismatchError when it is of a network of other sizes
 */
export async function loadCheckpoint(
  path: string,
  parameters: Parameters,
  start: () => Float32Array,
  onlyInTraining: readonly string[] = [],
): Promise<TrainingState | undefined> {
  if (!existsSync(path)) return undefined;
  const tensors = await explainDamage(path, () => readSafetensors(path));
  const isLacking = ([name, { shape }]: [string, Tensor]) =>
    onlyInTraining.includes(name) && tensors.get(`values/${name}`)?.shape.join() !== shape.join();
  const fresh = onlyInTraining.length === 0 ? [] : [...parameters.export(start())].filter(isLacking);
  const part = (name: (typeof PARTS)[number]) => {
    const found = [...tensors].flatMap(([key, tensor]): [string, Tensor][] =>
      key.startsWith(`${name}/`) ? [[key.slice(name.length + 1), tensor]] : [],
    );
    return parameters.import(new Map([...found, ...(name.startsWith('adam') ? zeros(fresh) : fresh)]), sizedBy(path));
  };
  const [values, average, first, second] = PARTS.map(part) as [Float32Array, Float32Array, Float32Array, Float32Array];
  return { step: stepFrom(path, tensors.get('step')), values, average, moments: { first, second } };
}

const zeros = (tensors: readonly [string, Tensor][]): [string, Tensor][] =>
  tensors.map(([name, { data, shape }]) => [name, { data: new Float32Array(data.length), shape }]);
