import { availableParallelism, totalmem } from 'node:os';
import type { OnnxGraph } from '../ops/onnx-graph.ts';
import { expectFinite } from '../weights/finite.ts';
import type { TensorEntry } from '../weights/safetensors.ts';
import { Lane } from './lane.ts';
import { type Evictable, Memory } from './memory.ts';
import { type Inputs, type Loaded, load, loadable, type Outputs } from './onnx-session.ts';
import type { RuntimeOptions } from './runtime.ts';
import { joinRows, splitRows } from './split-rows.ts';

/** Of all networks of this process. */
const memory = new Memory();

/** The other lanes, for all networks; a lane's thread starts when the first is loaded there. */
const lanes: Lane[] = [];
const otherLanes = (count: number) => Array.from({ length: count }, (_, i) => (lanes[i] ??= new Lane()));

/** Part of the machine's memory that one network may take in several lanes: each has the weights for itself. */
const ROOM_FOR_LANES = 1 / 8;

/**
 * A recorded graph, loaded into onnxruntime at its first run, and again where it had to make way for another network.
 * `run` blocks the thread that calls it on the CPU. With several lanes the rows of a run are shared out among threads
 * that each compute with what they just computed, where threads that share each operator wait for one another.
 */
export class Session implements Evictable {
  /** Of weights in memory, half precision as float32; in each lane. */
  readonly bytes: number;
  readonly bytesToLoad: number;
  readonly #lanes: number;
  readonly #name: string;
  readonly #graph: OnnxGraph;
  readonly #options: RuntimeOptions;
  #session: Promise<readonly Loaded[]> | undefined;
  #running = 0;
  #isChecked = false;

  /** @param name  of the network, for `onRun` */
  constructor(graph: OnnxGraph, options: RuntimeOptions, name = 'network') {
    this.#name = name;
    this.#graph = graph;
    this.#options = options;
    const bytes = sumOf(graph.weights, bytesOf);
    const { lanes = 1, executionProviders: providers = ['cpu'] } = options;
    const isRoom = lanes * bytes < ROOM_FOR_LANES * totalmem();
    this.#lanes = isRoom && providers.every((provider) => provider === 'cpu') ? lanes : 1;
    this.bytes = this.#lanes * bytes;
    this.bytesToLoad = this.bytes + this.#lanes * sumOf(graph.weights.filter(isCopied), bytesOf);
  }

  get isBusy(): boolean {
    return this.#running > 0;
  }

  /**
   * @param wanted  outputs to return: each costs a copy; all when absent
   * @throws NonFiniteWeightError at the first run
   */
  async run(inputs: Inputs, wanted?: readonly string[]): Promise<Outputs> {
    this.#running++;
    try {
      return await this.#runLoaded(await this.#load(), inputs, wanted);
    } finally {
      this.#running--;
    }
  }

  async #load(): Promise<readonly Loaded[]> {
    memory.touch(this);
    this.#session ??= memory.load(this, () => this.#create());
    try {
      return await this.#session;
    } catch (error) {
      this.#session = undefined;
      throw error;
    }
  }

  async #create(): Promise<readonly Loaded[]> {
    if (!this.#isChecked) await expectFinite(this.#graph.weights);
    this.#isChecked = true;
    const { threads = availableParallelism() } = this.#options;
    const inEach = Math.max(1, Math.floor(threads / this.#lanes));
    const what = await loadable(this.#graph, this.#lanes > 1 ? { ...this.#options, threads: inEach } : this.#options);
    const elsewhere = otherLanes(this.#lanes - 1).map((lane) => lane.load(what));
    return Promise.all([load(what), ...elsewhere]);
  }

  async #runLoaded(lanes: readonly Loaded[], inputs: Inputs, wanted: readonly string[] | undefined): Promise<Outputs> {
    const start = performance.now();
    const parts = splitRows(inputs, lanes.length);
    // The others first: this thread is busy with its own part until that is done.
    const others = parts.slice(1).map((part, i) => lanes[i + 1]!.run(part, wanted));
    const outputs = joinRows(await Promise.all([lanes[0]!.run(parts[0]!, wanted), ...others]));
    this.#options.onRun?.(this.#name, performance.now() - start);
    return outputs;
  }

  /** Frees the weights; the next run loads them again. */
  async close(): Promise<void> {
    memory.remove(this);
    await this.evict();
  }

  async evict(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    for (const loaded of (await session) ?? []) await loaded.release();
  }
}

/** Half precision is cast while a network is loaded. */
const bytesOf = ({ dtype, shape }: TensorEntry) =>
  shape.reduce((a, b) => a * b, dtype === 'I8' || dtype === 'U8' ? 1 : 4);

/** Convolutions' weights are laid out anew for the processor: what was cast from half precision is there twice meanwhile. */
const isCopied = ({ dtype, shape }: TensorEntry) => shape.length === 4 && (dtype === 'F16' || dtype === 'BF16');

const sumOf = <T>(items: readonly T[], of: (item: T) => number) => items.reduce((sum, item) => sum + of(item), 0);
