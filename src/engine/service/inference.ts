import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { InputError } from '../../errors.ts';
import type { Task } from '../../task.ts';
import type { PictureFile } from '../pipeline/plan.ts';
import type {
  DrawnPicture,
  InferenceOptions,
  InferenceProgress,
  InferenceRequest,
  InferenceResponse,
} from './inference-messages.ts';

interface Pending {
  readonly resolve: (pictures: readonly DrawnPicture[]) => void;
  readonly reject: (reason: unknown) => void;
  readonly onProgress: (progress: InferenceProgress) => void;
}

export interface InferenceHooks {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: InferenceProgress) => void;
}

/** The networks, in a process of their own; started again when it dies. */
export class Inference {
  readonly #options: InferenceOptions;
  readonly #log: Logger;
  readonly #pending = new Map<number, Pending>();
  #child: Promise<ChildProcess> | undefined;
  #nextId = 0;

  /** @throws InputError when the model folder can't be used */
  static async start(options: InferenceOptions, log: Logger): Promise<Inference> {
    const inference = new Inference(options, log);
    await inference.#open();
    return inference;
  }

  private constructor(options: InferenceOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  /**
   * Draws a task.
   * @throws InputError for pictures or recipes that can't be used; the signal's reason when it is aborted;
   *         Error when the process died over it
   */
  async draw(task: Task<PictureFile>, { signal, onProgress }: InferenceHooks): Promise<readonly DrawnPicture[]> {
    const child = await this.#open();
    signal.throwIfAborted();
    const id = this.#nextId++;
    const abort = () => child.send({ type: 'abort', id } satisfies InferenceRequest);
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await new Promise<readonly DrawnPicture[]>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject, onProgress });
        child.send({ type: 'draw', id, task } satisfies InferenceRequest);
      });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
      this.#pending.delete(id);
    }
  }

  async close(): Promise<void> {
    const child = await this.#child?.catch(() => undefined);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.removeAllListeners('exit');
    const exited = once(child, 'exit');
    child.disconnect();
    await exited;
  }

  #open(): Promise<ChildProcess> {
    this.#child ??= this.#fork();
    return this.#child;
  }

  async #fork(): Promise<ChildProcess> {
    const script = fileURLToPath(new URL('./inference-process.js', import.meta.url));
    // stdin stays unused: a terminal's Ctrl+C is for the engine, which ends this process in its turn
    const child = fork(script, {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
    });
    child.once('exit', (code, signal) => {
      this.#child = undefined;
      const how = signal ? `was killed by ${signal}` : `exited with code ${code}`;
      if (this.#pending.size > 0) this.#log.error({ pending: this.#pending.size }, `the inference process ${how}`);
      for (const { reject } of this.#pending.values()) reject(new Error(`the inference process ${how}`));
    });
    child.send({ type: 'open', options: this.#options } satisfies InferenceRequest);
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) =>
        reject(new Error(`the inference process exited with code ${code} before it was ready`)),
      );
      child.once('message', (response: InferenceResponse) => {
        if (response.type === 'failed') return reject(toError(response));
        if (response.type === 'opened') {
          const { executionProviders, passedOver } = response.provider;
          this.#log.info({ passedOver }, `the networks run on ${executionProviders[0]}`);
        }
        resolve();
      });
    }).catch((error) => {
      this.#child = undefined;
      child.disconnect();
      throw error;
    });
    child.on('message', (response: InferenceResponse) => this.#receive(response));
    return child;
  }

  #receive(response: InferenceResponse) {
    if (response.type === 'opened') return;
    const pending = response.id === undefined ? undefined : this.#pending.get(response.id);
    if (response.type === 'progress') pending?.onProgress(response.progress);
    else if (response.type === 'drawn') pending?.resolve(response.pictures);
    else if (pending) pending.reject(toError(response));
    else this.#log.error(`the inference process: ${response.message}`);
  }
}

function toError({ input, message }: { input: boolean; message: string }): Error {
  return input ? new InputError(message) : new Error(message);
}
