import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { InputError } from '../../errors.ts';
import { type TensorFlow, TfjsOps } from '../ops/tfjs-ops.ts';
import type { Precision } from './bfloat16.ts';
import { CHECKPOINT, CHECKPOINT_BEFORE, loadCheckpoint, type Notes, saveCheckpoint, wayBack } from './checkpoint.ts';
import { openCurves } from './curves.ts';
import { explainFullDisk } from './full-disk.ts';
import { computeGradients, type Gradients } from './gradients.ts';
import { learningRateAt } from './optimizer/learning-rate.ts';
import { openOptimizer } from './optimizer/open-optimizer.ts';
import { initialState, type Optimizer, type TrainingState } from './optimizer/optimizer.ts';
import { type Helpers, removeExchange } from './parallel/helpers.ts';
import { Parameters } from './parameters.ts';
import { replaceFile } from './replace-file.ts';
import { RunLog } from './run-log.ts';
import type { Task } from './task.ts';

/** The loss or a gradient is no number any more; the weights are those of the step before. */
export class DivergedError extends InputError {
  override name = 'DivergedError';
}

export interface TrainOptions {
  /** Folder of all runs; this one gets a folder of its task's name there. */
  readonly runs: string;
  /** How long it may train, in milliseconds, evaluations in between included; the last one and saving come on top. */
  readonly time: number;
  /** It ends after so many, those of the calls before included. */
  readonly maxSteps?: number;
  readonly seed?: number;
  /** At its peak; the task's own when absent. */
  readonly learningRate?: number;
  /** Of the task's own peak, where no learning rate is given: all of it when absent. */
  readonly ofPeak?: number;
  /** The rate falls over the time, or over `maxSteps` where these end first, instead of the planned steps. */
  readonly fallsOverTime?: boolean;
  /** For how long it has fallen so at the calls before, in milliseconds. */
  readonly adapted?: number | undefined;
  /** Of the products in a step; float32 when absent. Evaluations are always in float32. */
  readonly precision?: Precision;
  /** From one evaluation, with its sample picture, to the next, in milliseconds; longer where evaluating takes long. */
  readonly betweenEvaluations?: number;
  /** Of its checkpoints. */
  readonly notes?: Notes;
  /** Ends the run after the step in progress, with a checkpoint. */
  readonly signal?: AbortSignal;
}

// Times are told by a clock that, on Linux, stands still while a laptop sleeps.
const BEFORE_FIRST_CHECKPOINT = 60_000;
const BETWEEN_CHECKPOINTS = 5 * 60_000;
/** Where a call names no other time. */
export const BETWEEN_EVALUATIONS = 10 * 60_000;
/** Of the time at most, where an evaluation takes long. */
const EVALUATING = 0.05;
/** Of the learning rate, in its peak. */
const FLOOR = 0.05;

/** What a step of optimisation changes, and by what. */
interface Steps<Batch> {
  readonly tf: TensorFlow;
  readonly task: Task<Batch>;
  readonly parameters: Parameters;
  readonly optimizer: Optimizer;
  readonly helpers?: Helpers | undefined;
  readonly learningRate?: number | undefined;
  readonly ofPeak?: number | undefined;
  readonly precision?: Precision | undefined;
  /** At a step, of what it has been given, 0 … 1; of the planned steps when absent. */
  readonly progress?: ((step: number) => number) | undefined;
  /** The values are neither those of a step nor of the next: an error that comes now leaves them so. */
  isUpdating?: boolean;
}

/** A task being trained. */
interface Run<Batch> extends Steps<Batch> {
  readonly folder: string;
  readonly notes?: Notes | undefined;
  /** Where the rate falls over the time: for how long by now, in milliseconds, all calls together. */
  readonly adapted?: (() => number) | undefined;
  /** The step of its checkpoint, where there is one. */
  saved: number | undefined;
  readonly log: RunLog;
  readonly curves: ReturnType<typeof openCurves>;
}

/**
 * Trains a task from its last checkpoint, or from the start, until the time is up, the steps are done or it is told to stop.
 * @param helpers other processes that compute gradients of the same task
 * @throws DivergedError at the first loss or gradient that is no number. Whatever makes a step fail, those before it are saved
 */
export function trainTask<Batch>(
  tf: TensorFlow,
  task: Task<Batch>,
  options: TrainOptions,
  helpers?: Helpers,
): Promise<TrainingState> {
  const folder = join(options.runs, task.name);
  return explainFullDisk(folder, async () => {
    const { seed, learningRate, ofPeak, precision, notes, time, fallsOverTime, adapted: before = 0 } = options;
    const { maxSteps = Number.POSITIVE_INFINITY } = options;
    if (!helpers) removeExchange(folder);
    const opened = await openRun(tf, task, folder, seed);
    const start = performance.now();
    const adapted = fallsOverTime ? () => before + performance.now() - start : undefined;
    const progress = adapted && ((step: number) => Math.max(adapted() / (before + time), step / maxSteps));
    const run = { ...opened, helpers, learningRate, ofPeak, precision, notes, adapted, progress };
    try {
      await runSteps(run, options).catch(async (error) => {
        if (error instanceof DivergedError) throw await savedAfter(error, run);
        // whatever failed, what was learned before is sound
        if (!run.isUpdating)
          await saveRun(run).catch(({ message }) => run.log.say(`${task.name}: not saved: ${message}`));
        throw error;
      });
      const state = await saveRun(run);
      if (run.saved === undefined) {
        run.log.say(`${task.name}: stopped before its first step; there is nothing to save`);
        return state;
      }
      run.log.say(`${task.name}: saved; evaluating, which may take a minute …`);
      await evaluate(run);
      run.log.say(`${task.name}: step ${state.step}, saved in ${folder}`);
      return state;
    } finally {
      run.optimizer.dispose();
    }
  });
}

async function openRun<Batch>(tf: TensorFlow, task: Task<Batch>, folder: string, seed = 0): Promise<Run<Batch>> {
  mkdirSync(folder, { recursive: true });
  const log = new RunLog(join(folder, 'log.jsonl'));
  const parameters = await parametersOf(tf, task);
  const start = () => parameters.initialise(seed, task.initialise);
  const path = join(folder, CHECKPOINT);
  const found = await loadCheckpoint(path, parameters, start, task.onlyInTraining);
  const state = found ?? initialState(start());
  const million = (parameters.size / 1e6).toFixed(1);
  log.say(`${task.name}: ${million} million parameters, from ${beginningOf(task, found?.step)}`);
  const optimizer = openOptimizer(tf, parameters, state, task.optimizer);
  return { tf, task, parameters, optimizer, folder, saved: found?.step, log, curves: openCurves(tf, folder) };
}

/** @param step of the checkpoint, undefined where there is none; that of a model that was taken over is 0 */
function beginningOf<Batch>({ startsFrom }: Task<Batch>, step?: number): string {
  if (step === undefined) return startsFrom ? `the weights of ${startsFrom}` : 'the start';
  return step === 0 ? 'weights that are there' : `step ${step}`;
}

async function runSteps<Batch>(run: Run<Batch>, options: TrainOptions): Promise<void> {
  const { time, maxSteps = Number.POSITIVE_INFINITY, betweenEvaluations = BETWEEN_EVALUATIONS, signal } = options;
  const { task, optimizer, folder, log, curves } = run;
  const begun = performance.now();
  const end = begun + time;
  const meter = new Meter(task.batchSize * (1 + (run.helpers?.count ?? 0)));
  let nextCheckpoint = begun + BEFORE_FIRST_CHECKPOINT;
  let nextEvaluation = begun + betweenEvaluations;
  while (performance.now() < end && optimizer.step < maxSteps && !signal?.aborted) {
    const figures = await trainStep(run);
    const rate = meter.tick();
    curves(optimizer.step, figures);
    log.step({ ...figures, rate }, liveLine(task, figures, rate, end - performance.now()));
    const isDue = performance.now() > nextEvaluation;
    // what is learned is safe before an evaluation, which may fail
    if (isDue || performance.now() > nextCheckpoint) {
      await saveRun(run);
      const savedAt = performance.now();
      nextCheckpoint = savedAt + BETWEEN_CHECKPOINTS;
      // so far beyond where it diverged, if it did, it is well again, and this one is its last good checkpoint
      if (savedAt - begun > BETWEEN_CHECKPOINTS) await rm(join(folder, CHECKPOINT_BEFORE), { force: true });
      meter.pause();
    }
    if (isDue) {
      const start = performance.now();
      await evaluate(run);
      nextEvaluation = performance.now() + Math.max(betweenEvaluations, (performance.now() - start) / EVALUATING);
      meter.pause();
    }
    await setImmediate(); // signals get their turn
  }
  log.flush();
}

/**
 * Saves what was learned before the loss became no number, and keeps the checkpoint before it: the weights can have been on
 * their way to infinity for some steps. One that is kept already stays, because what was saved since began where it diverged.
 * @returns the error with what can be done. The same batch gives the same loss, which no learning rate changes.
 */
async function savedAfter<Batch>({ message }: DivergedError, run: Run<Batch>): Promise<DivergedError> {
  const { folder, optimizer, saved } = run;
  const say = (...lines: string[]) => new DivergedError([message, ...lines].join('. '));
  if (optimizer.step === 0) return say('Nothing has been learned yet: give another --seed');
  const [path, before] = [CHECKPOINT, CHECKPOINT_BEFORE].map((name) => join(folder, name)) as [string, string];
  if (saved !== undefined && saved !== optimizer.step && !existsSync(before))
    await replaceFile(before, (partial) => copyFile(path, partial));
  await saveRun(run);
  return say(
    `Step ${optimizer.step} is saved. The same batch would end it again: go on with another --seed, which draws others`,
    `If that does not help, the weights have grown too large: ${await wayBack(path)}. ` +
      `Its peak of ${Number(peakOf(run).toPrecision(2))} is remembered until a call names another`,
  );
}

/** A run that has made no step has learned from nothing: its checkpoint stays as it is. */
async function saveRun<Batch>(run: Run<Batch>): Promise<TrainingState> {
  const { folder, parameters, optimizer, notes, adapted } = run;
  const state = optimizer.state();
  if (state.step > 0 && state.step !== run.saved) {
    const schedule = { ...notes?.schedule, ...(adapted && { adapted: Math.round(adapted()) }) };
    await saveCheckpoint(join(folder, CHECKPOINT), parameters, state, { ...notes, schedule });
    run.saved = state.step;
  }
  return state;
}

/** The parameters that the task's network asks for. */
export async function parametersOf<Batch>(tf: TensorFlow, task: Task<Batch>): Promise<Parameters> {
  const batch = await task.batch(0);
  return Parameters.of(new TfjsOps(tf), (weights) => task.loss(weights, batch));
}

/** Of the learning rate. */
const peakOf = <Batch>({ task, learningRate, ofPeak = 1 }: Steps<Batch>): number =>
  learningRate ?? task.optimizer.learningRate * ofPeak;

/** One step of optimisation, in place; returns the figures of the step. */
export async function trainStep<Batch>(run: Steps<Batch>): Promise<Record<string, number>> {
  const { tf, task, optimizer } = run;
  const step = optimizer.step + 1;
  const progress = run.progress?.(step) ?? step / task.optimizer.horizon;
  const learningRate = learningRateAt(step, progress, {
    peak: peakOf(run),
    warmup: task.optimizer.warmup,
    floor: FLOOR,
  });
  const { gradients, figures } = await gradientsOf(run);
  run.isUpdating = true;
  const norm = Number.isFinite(figures.loss) ? await optimizer.update(gradients, learningRate) : Number.NaN;
  run.isUpdating = false;
  tf.dispose(gradients);
  if (!Number.isFinite(norm)) {
    throw new DivergedError(
      `${task.name}: at step ${step} the loss is ${figures.loss} and the norm of its gradient ${norm}`,
    );
  }
  return { step, ...figures, norm, learningRate };
}

/** Loss and gradients at the optimiser's values, averaged over all processes. */
async function gradientsOf<Batch>(run: Steps<Batch>): Promise<Gradients> {
  const { tf, task, parameters, optimizer, helpers, precision } = run;
  const values = optimizer.values();
  helpers?.begin(optimizer.step, parameters, values);
  const own = await computeGradients(tf, task, parameters, values, optimizer.step, precision);
  tf.dispose(values);
  return helpers ? averaged(tf, parameters, own, await helpers.results()) : own;
}

function averaged(
  tf: TensorFlow,
  parameters: Parameters,
  own: Gradients,
  others: Awaited<ReturnType<Helpers['results']>>,
): Gradients {
  const count = 1 + others.length;
  const gradients = tf.tidy(() => {
    const all = [own.gradients, ...others.map((other) => parameters.tensors(tf, other.gradients))];
    return own.gradients.map((_, p) => tf.div(tf.addN(all.map((gradients) => gradients[p]!)), count));
  });
  tf.dispose(own.gradients);
  const figures = { ...own.figures };
  for (const name of Object.keys(figures)) {
    figures[name] = others.reduce((sum, other) => sum + other.figures[name]!, figures[name]!) / count;
  }
  return { gradients, figures };
}

async function evaluate<Batch>({ tf, task, parameters, optimizer, folder, log, curves }: Run<Batch>): Promise<void> {
  const tensors = optimizer.average();
  const { figures, sheet } = await task.evaluate(parameters.weights(tensors));
  tf.dispose(tensors);
  curves(optimizer.step, figures);
  log.event({ step: optimizer.step, evaluation: figures });
  const shown = Object.entries(figures).map(([name, figure]) => `${name} ${figure.toFixed(3)}`);
  log.say(`step ${optimizer.step}: ${shown.join(', ')}`);
  if (sheet) writeFileSync(join(folder, `sample-${String(optimizer.step).padStart(7, '0')}.png`), sheet);
}

/** What matters most comes first: a narrow terminal shows no more. The loss is the first of the figures. */
function liveLine<Batch>(task: Task<Batch>, figures: Record<string, number>, rate: number, left: number): string {
  const { step, ...others } = figures;
  const shown = Object.entries(others).map(([name, figure]) => `${name} ${figure.toPrecision(3)}`);
  const seconds = Math.max(0, left / 1000);
  const time = seconds < 60 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`;
  return `${task.name} step ${step}, ${rate.toFixed(1)} samples/s, ${time} left, ${shown.join(' ')}`;
}

/** Samples a second, over the last seconds. */
class Meter {
  readonly #batchSize: number;
  #last = performance.now();
  #rate = 0;

  constructor(batchSize: number) {
    this.#batchSize = batchSize;
  }

  tick(): number {
    const now = performance.now();
    const rate = (this.#batchSize * 1000) / Math.max(1, now - this.#last);
    this.#rate = this.#rate === 0 ? rate : 0.95 * this.#rate + 0.05 * rate;
    this.#last = now;
    return this.#rate;
  }

  /** What comes between two steps is no training time. */
  pause(): void {
    this.#last = performance.now();
  }
}
