import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InputError } from '../../../errors.ts';
import type { Figures } from '../gradients.ts';
import type { FromHelper, HelperOrder, ToHelper } from './messages.ts';

/** Between the seeds of two processes: those of the parts lie close together. */
const BETWEEN_SEEDS = 1_000_003;

/** Processes that compute gradients beside this one, each of batches of its own: data parallelism. */
export interface Helpers {
  readonly count: number;
  /** Lets them begin a step, at these values of all parameters. */
  begin(step: number, values: Float32Array): void;
  /** What they found, once all have. @throws HelperError when one has ended */
  results(): Promise<{ readonly gradients: Float32Array; readonly figures: Figures }[]>;
  close(): void;
}

class HelperError extends InputError {
  override name = 'HelperError';
}

/**
 * Threads for each of so many processes that share this machine, as TensorFlow's variables want it: to be set before it is loaded.
 * Two processes of one thread train faster than one of two, because most operations are too small to share.
 */
export function shareThreads(processes: number, env: NodeJS.ProcessEnv): void {
  const threads = String(Math.max(1, Math.floor(availableParallelism() / processes)));
  for (const name of ['TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS', 'OMP_NUM_THREADS']) env[name] ??= threads;
}

/**
 * Numbers are exchanged in files of a temporary folder: a message of megabytes would not leave this process before its own
 * gradients are done.
 * @throws HelperError when a process can't begin
 */
export async function startHelpers(count: number, order: Omit<HelperOrder, 'values' | 'gradients'>): Promise<Helpers> {
  const folder = mkdtempSync(join(tmpdir(), 'unclip-training-'));
  const values = join(folder, 'values');
  const helpers = Array.from({ length: count }, (_, i) => {
    const gradients = join(folder, `gradients-${i}`);
    const seed = order.seed + (i + 1) * BETWEEN_SEEDS;
    return { helper: new Helper({ ...order, seed, values, gradients }), gradients };
  });
  const close = () => {
    for (const { helper } of helpers) helper.close();
    rmSync(folder, { recursive: true, force: true });
  };
  await Promise.all(helpers.map(({ helper }) => helper.opened)).catch((error) => {
    close();
    throw error;
  });
  return {
    count,
    begin(step, all) {
      writeFileSync(values, all);
      for (const { helper } of helpers) helper.begin(step);
    },
    results: () =>
      Promise.all(
        helpers.map(async ({ helper, gradients }) => {
          const figures = await helper.figures();
          const { buffer, byteOffset, byteLength } = readFileSync(gradients);
          return { gradients: new Float32Array(buffer, byteOffset, byteLength / 4), figures };
        }),
      ),
    close,
  };
}

class Helper {
  readonly opened: Promise<void>;
  readonly #child: ChildProcess;
  #computed: Promise<FromHelper> | undefined;

  constructor(order: HelperOrder) {
    this.#child = fork(fileURLToPath(new URL('./helper-process.js', import.meta.url)), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.opened = this.#answer({ type: 'open', order }).then(() => {});
  }

  begin(step: number): void {
    this.#computed = this.#answer({ type: 'compute', step });
    this.#computed.catch(() => {}); // thrown by figures()
  }

  async figures(): Promise<Figures> {
    return ((await this.#computed) as FromHelper & { type: 'computed' }).figures;
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  #answer(message: ToHelper): Promise<FromHelper> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const onMessage = (answer: FromHelper) => {
        child.off('exit', onExit);
        if (answer.type === 'failed') reject(new HelperError(`a process of the training failed: ${answer.message}`));
        else resolve(answer);
      };
      const onExit = (code: number | null, signal: string | null) => {
        child.off('message', onMessage);
        const how = signal ? `was killed by ${signal}` : `ended with code ${code}`;
        reject(
          new HelperError(`a process of the training ${how}; each needs memory of its own: less --processes need less`),
        );
      };
      child.once('message', onMessage);
      child.once('exit', onExit);
      child.send(message);
    });
  }
}
