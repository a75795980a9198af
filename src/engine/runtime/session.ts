import { realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import * as ort from 'onnxruntime-node';
import { InputError } from '../../errors.ts';
import type { OnnxGraph } from '../ops/onnx-graph.ts';
import type { Tensor } from '../tensor.ts';
import { expectFinite } from '../weights/finite.ts';
import { type Evictable, Memory } from './memory.ts';
import type { RuntimeOptions } from './runtime.ts';

/** Whole numbers: token ids (B, N), positions (B). */
export interface IntegerTensor {
  readonly data: Int32Array;
  readonly shape: readonly number[];
}

/** Of all networks of this process. */
const memory = new Memory();

/**
 * A recorded graph, loaded into onnxruntime at its first run, and again where it had to make way for another network.
 * `run` blocks the thread that calls it on the CPU.
 */
export class Session implements Evictable {
  /** As float32, whatever the files hold. */
  readonly bytes: number;
  readonly #name: string;
  readonly #graph: OnnxGraph;
  readonly #options: RuntimeOptions;
  #session: Promise<ort.InferenceSession> | undefined;
  #running = 0;
  #isChecked = false;

  /** @param name  of the network, for `onRun` */
  constructor(graph: OnnxGraph, options: RuntimeOptions, name = 'network') {
    this.#name = name;
    this.#graph = graph;
    this.#options = options;
    this.bytes = graph.weights.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 4), 0);
  }

  get isBusy(): boolean {
    return this.#running > 0;
  }

  /**
   * @param wanted  outputs to return: each costs a copy; all when absent
   * @throws NonFiniteWeightError at the first run
   */
  async run(
    inputs: Record<string, Tensor | IntegerTensor>,
    wanted?: readonly string[],
  ): Promise<Record<string, Tensor>> {
    this.#running++;
    try {
      return await this.#runLoaded(await this.#load(), inputs, wanted);
    } finally {
      this.#running--;
    }
  }

  async #load(): Promise<ort.InferenceSession> {
    memory.touch(this);
    this.#session ??= memory.load(this, () => this.#create());
    try {
      return await this.#session;
    } catch (error) {
      this.#session = undefined;
      throw error;
    }
  }

  async #create(): Promise<ort.InferenceSession> {
    if (!this.#isChecked) await expectFinite(this.#graph.weights);
    this.#isChecked = true;
    return createSession(this.#graph, this.#options);
  }

  async #runLoaded(
    session: ort.InferenceSession,
    inputs: Record<string, Tensor | IntegerTensor>,
    wanted: readonly string[] | undefined,
  ): Promise<Record<string, Tensor>> {
    const feeds = Object.entries(inputs).map(([name, x]) => [name, toOrt(x)] as const);
    const start = performance.now();
    const outputs = await session.run(Object.fromEntries(feeds), wanted ?? session.outputNames);
    this.#options.onRun?.(this.#name, performance.now() - start);
    return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, fromOrt(value as ort.Tensor)]));
  }

  /** Frees the weights; the next run loads them again. */
  async close(): Promise<void> {
    memory.remove(this);
    await this.evict();
  }

  async evict(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await (await session)?.release();
  }
}

/**
 * The graph goes in as bytes and onnxruntime is told the folder of its weights: nothing is written to disk.
 * It refuses links that leave that folder, as the Hub's cache has them, so names are those that links lead to.
 */
async function createSession(graph: OnnxGraph, options: RuntimeOptions): Promise<ort.InferenceSession> {
  const real = new Map<string, string>();
  for (const path of new Set(graph.weights.map((entry) => entry.path))) real.set(path, await realpath(path));
  const [folder = '.', ...others] = new Set([...real.values()].map((path) => dirname(path)));
  if (others.length > 0) {
    throw new InputError(`the weights of one network must lie in one folder, found ${[folder, ...others].join(', ')}`);
  }
  return ort.InferenceSession.create(
    graph.toBinary((path) => basename(real.get(path) ?? path)),
    {
      executionProviders: [...(options.executionProviders ?? ['cpu'])],
      ...(options.threads !== undefined && { intraOpNumThreads: options.threads }),
      // What goes wrong is thrown as well.
      logSeverityLevel: 4,
      extra: {
        // It would move images to NHWC and back around quantised convolutions, at twice what they gain by it.
        optimization: { disable_specified_optimizers: 'NhwcTransformer' },
        session: {
          model_external_initializers_file_folder_path: folder,
          // It would run what follows a quantised convolution once for each of its readers.
          disable_quant_qdq: '1',
          // Threads wait for the next operator awake, which saves a tenth of the time, but not for the next run: they
          // would take the core from whoever else runs on this machine.
          intra_op: { allow_spinning: '1' },
          force_spinning_stop: '1',
        },
      },
    },
  );
}

function toOrt({ data, shape }: Tensor | IntegerTensor): ort.Tensor {
  return data instanceof Int32Array ? new ort.Tensor('int32', data, shape) : new ort.Tensor('float32', data, shape);
}

function fromOrt(value: ort.Tensor): Tensor {
  return { data: value.data as Float32Array, shape: value.dims };
}
