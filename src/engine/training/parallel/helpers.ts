import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as tfjs from '@tensorflow/tfjs-core';
import { InputError } from '../../../errors.ts';
import type { Figures } from '../gradients.ts';
import type { Parameters } from '../parameters.ts';
import type { FromHelper, HelperOrder, ToHelper } from './messages.ts';
import { readNumbers } from './numbers.ts';

/** Between the seeds of two processes: those of the parts lie close together. */
const BETWEEN_SEEDS = 1_000_003;

/** Processes that compute gradients beside this one, each of batches of its own: data parallelism. */
export interface Helpers {
  readonly count: number;
  /** Lets them begin a step, at these values of all parameters. */
  begin(step: number, parameters: Parameters, values: readonly tfjs.Tensor[]): void;
  /** What they found, once all have; the gradients until the next step. @throws HelperError when one has failed or ended */
  results(): Promise<{ readonly gradients: Float32Array; readonly figures: Figures }[]>;
  close(): void;
}

/** A helping process failed. What this process has learned is as good as before. */
class HelperError extends InputError {
  override name = 'HelperError';
}

/**
 * Threads for each of so many processes that share this machine, as TensorFlow's variables want it: to be set before it is loaded.
 * Two processes of one thread train faster than one of two, which share out only part of each step.
 */
export function shareThreads(processes: number, env: NodeJS.ProcessEnv): void {
  const threads = String(Math.max(1, Math.floor(availableParallelism() / processes)));
  for (const name of ['TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS', 'OMP_NUM_THREADS']) env[name] ??= threads;
}

/** Where a run's processes exchange numbers. */
const exchangeOf = (run: string) => join(run, 'exchange');

/** Of a run that was killed: as large as its weights, several times. */
export const removeExchange = (run: string): void => rmSync(exchangeOf(run), { recursive: true, force: true });

/**
 * Numbers are exchanged in files of the run's folder: a message of megabytes would not leave this process before its own
 * gradients are done.
 * @throws HelperError when a process can't begin
 */
export async function startHelpers(count: number, order: Omit<HelperOrder, 'values' | 'gradients'>): Promise<Helpers> {
  const run = join(order.runs, order.part);
  removeExchange(run);
  const folder = exchangeOf(run);
  mkdirSync(folder, { recursive: true });
  const values = join(folder, 'values');
  const helpers = Array.from({ length: count }, (_, i) => {
    const gradients = join(folder, `gradients-${i}`);
    const seed = order.seed + (i + 1) * BETWEEN_SEEDS;
    return { helper: new Helper({ ...order, seed, values, gradients }), gradients };
  });
  const close = () => {
    for (const { helper } of helpers) helper.close();
    removeExchange(run);
  };
  await Promise.all(helpers.map(({ helper }) => helper.answer())).catch((error) => {
    close();
    throw error;
  });
  let own: Float32Array | undefined;
  let found: readonly Float32Array[] = [];
  return {
    count,
    begin(step, parameters, tensors) {
      if (!own) {
        own = new Float32Array(parameters.size);
        found = helpers.map(() => new Float32Array(parameters.size));
      }
      writeFileSync(values, parameters.flatten(tensors, own));
      for (const { helper } of helpers) helper.send({ type: 'compute', step });
    },
    results: () =>
      Promise.all(
        helpers.map(async ({ helper, gradients }, i) => {
          const { figures } = (await helper.answer()) as FromHelper & { type: 'computed' };
          readNumbers(gradients, found[i]!);
          return { gradients: found[i]!, figures };
        }),
      ),
    close,
  };
}

/** One helping process, which answers each message with one. */
class Helper {
  readonly #child: ChildProcess;
  #answer!: Promise<FromHelper>;
  #resolve!: (answer: FromHelper) => void;
  #reject!: (error: Error) => void;
  #ended: HelperError | undefined;

  constructor(order: HelperOrder) {
    // a group of its own: a terminal's Ctrl+C is for this process, which ends its step and then the helpers
    this.#child = fork(fileURLToPath(new URL('./helper-process.js', import.meta.url)), {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
    });
    this.#child.on('message', (answer: FromHelper) => {
      if (answer.type === 'failed')
        this.#reject(new HelperError(`a process of the training failed: ${answer.message}`));
      else this.#resolve(answer);
    });
    this.#child.on('error', ({ message }) => this.#end(message));
    this.#child.on('exit', (code, signal) => this.#end(signal ? `was killed by ${signal}` : `ended with code ${code}`));
    this.send({ type: 'open', order });
  }

  send(message: ToHelper): void {
    this.#answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#answer.catch(() => {}); // whoever asks for the answer hears of it
    if (this.#ended) this.#reject(this.#ended);
    else this.#child.send(message, (error) => error && this.#end(error.message));
  }

  answer(): Promise<FromHelper> {
    return this.#answer;
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  #end(how: string): void {
    this.#ended ??= new HelperError(
      `a process of the training: ${how}. Each needs memory of its own, so fewer --processes need less`,
    );
    this.#reject(this.#ended);
  }
}
