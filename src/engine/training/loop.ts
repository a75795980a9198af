import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type * as tfjs from '@tensorflow/tfjs-core';
import { InputError } from '../../errors.ts';
import { type TensorFlow, TfjsOps } from '../ops/tfjs-ops.ts';
import { adamW, gradientNorm, learningRateAt, updateAverage } from './adamw.ts';
import { initialState, loadCheckpoint, saveCheckpoint, type TrainingState } from './checkpoint.ts';
import { Parameters } from './parameters.ts';
import { RunLog } from './run-log.ts';
import type { Task } from './task.ts';

/** The loss or a gradient is no number any more. The last checkpoint is of an earlier step, and good. */
export class DivergedError extends InputError {
  override name = 'DivergedError';
}

export interface TrainOptions {
  /** Folder of all runs; this one gets a folder of its task's name there. */
  readonly runs: string;
  /** How long it may train, in milliseconds; evaluation and saving come on top. */
  readonly time: number;
  readonly maxSteps?: number;
  readonly seed?: number;
  /** Ends the run after the step in progress, with a checkpoint. */
  readonly signal?: AbortSignal;
}

const BETWEEN_CHECKPOINTS = 5 * 60_000;
const BETWEEN_EVALUATIONS = 10 * 60_000;
const FLOOR = 0.05;

/**
 * Trains a task from its last checkpoint, or from the start, until the time is up, the steps are done or it is told to stop.
 * @throws DivergedError at the first loss or gradient that is no number
 */
export async function trainTask<Batch>(
  tf: TensorFlow,
  task: Task<Batch>,
  options: TrainOptions,
): Promise<TrainingState> {
  const folder = join(options.runs, task.name);
  mkdirSync(folder, { recursive: true });
  const log = new RunLog(join(folder, 'log.jsonl'));
  const checkpoint = join(folder, 'checkpoint.safetensors');
  const parameters = parametersOf(tf, task);
  const state =
    (await loadCheckpoint(checkpoint, parameters)) ??
    initialState(parameters.initialise(options.seed ?? 0, task.initialise));
  log.say(
    `${task.name}: ${(parameters.size / 1e6).toFixed(1)} million parameters, ${state.step === 0 ? 'from the start' : `from step ${state.step}`}`,
  );

  const end = Date.now() + options.time;
  const last = options.maxSteps ?? Number.POSITIVE_INFINITY;
  const timer = { checkpoint: Date.now(), evaluation: Date.now() };
  const meter = new Meter(task.batchSize);
  while (Date.now() < end && state.step < last && !options.signal?.aborted) {
    const figures = trainStep(tf, task, parameters, state);
    const rate = meter.tick();
    log.step({ ...figures, rate }, liveLine(task, figures, rate, end - Date.now()));
    if (Date.now() - timer.evaluation > BETWEEN_EVALUATIONS) {
      await evaluate(tf, task, parameters, state, folder, log);
      timer.evaluation = Date.now();
      meter.pause();
    }
    if (Date.now() - timer.checkpoint > BETWEEN_CHECKPOINTS) {
      await saveCheckpoint(checkpoint, parameters, state);
      timer.checkpoint = Date.now();
      meter.pause();
    }
    await setImmediate(); // signals get their turn
  }
  log.flush();
  await saveCheckpoint(checkpoint, parameters, state);
  await evaluate(tf, task, parameters, state, folder, log);
  log.say(`${task.name}: step ${state.step}, saved in ${folder}`);
  return state;
}

/** The parameters that the task's network asks for. */
export function parametersOf<Batch>(tf: TensorFlow, task: Task<Batch>): Parameters {
  return Parameters.of(new TfjsOps(tf), (weights) => task.loss(weights, task.batch(0)));
}

/** One step of optimisation, in place; returns the figures of the step. */
function trainStep<Batch>(
  tf: TensorFlow,
  task: Task<Batch>,
  parameters: Parameters,
  state: TrainingState,
): Record<string, number> {
  const { optimizer } = task;
  const { gradients, figures } = gradientsOf(tf, task, parameters, state);
  const norm = gradientNorm(gradients);
  const step = state.step + 1;
  if (!Number.isFinite(figures.loss) || !Number.isFinite(norm)) {
    throw new DivergedError(
      `${task.name}: at step ${step} the loss is ${figures.loss} and the gradient's norm ${norm}; the last checkpoint is kept. A lower learning rate may help`,
    );
  }
  const learningRate = learningRateAt(step, {
    peak: optimizer.learningRate,
    warmup: optimizer.warmup,
    horizon: optimizer.horizon,
    floor: FLOOR,
  });
  const scale = Math.min(1, optimizer.maxNorm / norm);
  adamW(state.values, gradients, scale, state.moments, parameters.list, step, learningRate, optimizer);
  updateAverage(state.average, state.values, step, optimizer.average);
  state.step = step;
  return { step, ...figures, norm, learningRate };
}

/** Loss and gradients at the state's values, copied out of TensorFlow. */
function gradientsOf<Batch>(tf: TensorFlow, task: Task<Batch>, parameters: Parameters, state: TrainingState) {
  const batch = task.batch(state.step);
  const figures: Record<string, number> = {};
  let gradients: Float32Array[] = [];
  // the copies leave tidy by assignment: it would search what it returns for tensors, number by number
  tf.tidy(() => {
    const inputs = parameters.tensors(tf, state.values);
    let parts: Readonly<Record<string, tfjs.Scalar>> = {};
    const { value, grads } = tf.valueAndGrads((...tensors: tfjs.Tensor[]) => {
      const loss = task.loss(parameters.weights(tensors), batch);
      parts = Object.fromEntries(Object.entries(loss.parts).map(([name, part]) => [name, tf.keep(part)]));
      return loss.total;
    })(inputs);
    figures.loss = value.dataSync()[0]!;
    for (const [name, part] of Object.entries(parts)) {
      figures[name] = part.dataSync()[0]!;
      part.dispose();
    }
    gradients = grads.map((gradient) => gradient.dataSync() as Float32Array);
  });
  return { gradients, figures };
}

async function evaluate<Batch>(
  tf: TensorFlow,
  task: Task<Batch>,
  parameters: Parameters,
  state: TrainingState,
  folder: string,
  log: RunLog,
) {
  const tensors = parameters.tensors(tf, state.average);
  const { figures, sheet } = await task.evaluate(parameters.weights(tensors));
  tf.dispose(tensors);
  log.event({ step: state.step, evaluation: figures });
  log.say(
    `step ${state.step}: ${Object.entries(figures)
      .map(([name, figure]) => `${name} ${figure.toFixed(3)}`)
      .join(', ')}`,
  );
  if (sheet) writeFileSync(join(folder, `sample-${String(state.step).padStart(7, '0')}.png`), sheet);
}

function liveLine(task: Task, figures: Record<string, number>, rate: number, left: number): string {
  const shown = Object.entries(figures)
    .filter(([name]) => name !== 'step')
    .map(([name, figure]) => `${name} ${figure.toPrecision(3)}`);
  return `${task.name} step ${figures.step} ${shown.join(' ')} ${rate.toFixed(1)} samples/s, ${Math.max(0, Math.round(left / 60_000))} min left`;
}

/** Samples a second, over the last seconds. */
class Meter {
  readonly #batchSize: number;
  #last = Date.now();
  #rate = 0;

  constructor(batchSize: number) {
    this.#batchSize = batchSize;
  }

  tick(): number {
    const now = Date.now();
    const rate = (this.#batchSize * 1000) / Math.max(1, now - this.#last);
    this.#rate = this.#rate === 0 ? rate : 0.95 * this.#rate + 0.05 * rate;
    this.#last = now;
    return this.#rate;
  }

  /** What comes between two steps is no training time. */
  pause(): void {
    this.#last = Date.now();
  }
}
