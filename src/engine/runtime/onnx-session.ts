import { realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import * as ort from 'onnxruntime-node';
import { InputError } from '../../errors.ts';
import type { OnnxGraph } from '../ops/onnx-graph.ts';
import type { Tensor } from '../tensor.ts';
import type { RuntimeOptions } from './runtime.ts';

/** Whole numbers: token ids (B, N), positions (B). */
export interface IntegerTensor {
  readonly data: Int32Array;
  readonly shape: readonly number[];
}

export type Inputs = Readonly<Record<string, Tensor | IntegerTensor>>;
export type Outputs = Record<string, Tensor>;

/** A graph loaded into onnxruntime, in this thread or in another. */
export interface Loaded {
  /** @param wanted  outputs to return: each costs a copy; all when absent */
  run(inputs: Inputs, wanted?: readonly string[]): Promise<Outputs>;
  release(): Promise<void>;
}

/** What onnxruntime needs to load a graph: plain values, that another thread can be given. */
export interface Loadable {
  readonly model: Uint8Array;
  /** Where the weights lie. */
  readonly folder: string;
  readonly threads: number | undefined;
  readonly executionProviders: readonly string[];
}

/**
 * The graph goes in as bytes and onnxruntime is told the folder of its weights: nothing is written to disk.
 * It refuses links that leave that folder, as the Hub's cache has them, so names are those that links lead to.
 */
export async function loadable(graph: OnnxGraph, options: RuntimeOptions): Promise<Loadable> {
  const real = new Map<string, string>();
  for (const path of new Set(graph.weights.map((entry) => entry.path))) real.set(path, await realpath(path));
  const [folder = '.', ...others] = new Set([...real.values()].map((path) => dirname(path)));
  if (others.length > 0) {
    throw new InputError(`the weights of one network must lie in one folder, found ${[folder, ...others].join(', ')}`);
  }
  return {
    model: graph.toBinary((path) => basename(real.get(path) ?? path)),
    folder,
    threads: options.threads,
    executionProviders: options.executionProviders ?? ['cpu'],
  };
}

/** `run` blocks the thread that calls it on the CPU. */
export async function load({ model, folder, threads, executionProviders }: Loadable): Promise<Loaded> {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [...executionProviders],
    ...(threads !== undefined && { intraOpNumThreads: threads }),
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
  });
  return {
    async run(inputs, wanted = session.outputNames) {
      const feeds = Object.entries(inputs).map(([name, x]) => [name, toOrt(x)] as const);
      const outputs = await session.run(Object.fromEntries(feeds), wanted);
      return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, fromOrt(value as ort.Tensor)]));
    },
    release: () => session.release(),
  };
}

function toOrt({ data, shape }: Tensor | IntegerTensor): ort.Tensor {
  return data instanceof Int32Array ? new ort.Tensor('int32', data, shape) : new ort.Tensor('float32', data, shape);
}

function fromOrt(value: ort.Tensor): Tensor {
  return { data: value.data as Float32Array, shape: value.dims };
}
