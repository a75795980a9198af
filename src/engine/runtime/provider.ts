import { readFile } from 'node:fs/promises';
import * as ort from 'onnxruntime-node';
import { InputError } from '../../errors.ts';
import { OnnxOps } from '../ops/onnx-ops.ts';

/** What networks may run on; `auto` is the fastest that works here. */
export type Provider = 'auto' | 'cpu' | 'cuda' | 'webgpu' | 'coreml' | 'dml';
type Accelerator = Exclude<Provider, 'auto' | 'cpu'>;

export interface ChosenProvider {
  /** For `RuntimeOptions`: what it can't compute, the CPU does. */
  readonly executionProviders: readonly string[];
  /** Why it isn't another, by name. */
  readonly passedOver: Readonly<Record<string, string>>;
}

const ACCELERATORS: readonly Accelerator[] = ['cuda', 'dml', 'coreml', 'webgpu'];
/** How many times as fast as the CPU an accelerator must be: int8, which the CPU alone has, is two to three times as fast. */
const WORTH_IT = 3;

/** Tries a provider: milliseconds of a small network on it. @throws Error where it doesn't work here */
export type Probe = (provider: string) => Promise<number>;

/**
 * @param supported  the providers that this build of onnxruntime knows
 * @throws InputError when one is asked for by name that doesn't work here
 */
export async function chooseProvider(
  asked: Provider,
  supported: readonly string[] = ort.listSupportedBackends().map(({ name }) => name),
  probe: Probe = timeOn,
): Promise<ChosenProvider> {
  const found = async (name: Accelerator): Promise<number | string> => {
    if (!supported.includes(name)) return `onnxruntime has none for ${process.platform} on ${process.arch}`;
    return probe(name).catch((error: Error) => reasonOf(error));
  };
  if (asked === 'cpu') return { executionProviders: ['cpu'], passedOver: {} };
  if (asked !== 'auto') {
    const result = await found(asked);
    if (typeof result === 'number') return { executionProviders: [asked, 'cpu'], passedOver: {} };
    throw new InputError(`ENGINE_PROVIDER=${asked} does not work here: ${result}`);
  }

  const passedOver: Record<string, string> = {};
  let fastest: { readonly name: Accelerator; readonly speedup: number } | undefined;
  let cpu: number | undefined;
  for (const name of ACCELERATORS) {
    const result = await found(name);
    if (typeof result === 'string') {
      passedOver[name] = result;
      continue;
    }
    cpu ??= await probe('cpu');
    const speedup = cpu / result;
    passedOver[name] = `${speedup.toFixed(1)} times as fast as the CPU`;
    if (speedup >= WORTH_IT && speedup > (fastest?.speedup ?? 0)) fastest = { name, speedup };
  }
  if (!fastest) return { executionProviders: ['cpu'], passedOver };
  delete passedOver[fastest.name];
  return { executionProviders: [fastest.name, 'cpu'], passedOver };
}

/** The sentence that says what is missing, without onnxruntime's file names and line numbers. */
function reasonOf({ message }: Error): string {
  const [line = ''] = message.split('\n');
  return /(?:was false\. |: )([A-Z][^:]*)$/.exec(line)?.[1] ?? line;
}

const SHAPE = [2, 128, 32, 32];

// What goes wrong is thrown as well.
ort.env.logLevel = 'fatal';

/** The fastest of three runs of four convolutions, after one that prepares. */
async function timeOn(provider: string): Promise<number> {
  if (provider === 'webgpu' && (await lacksVulkan())) throw new Error('There is no Vulkan (libvulkan.so.1)');
  const ops = new OnnxOps();
  const [, channels] = SHAPE as [number, number];
  const weight = ops.constant(new Float32Array(channels * channels * 9).fill(0.01), [channels, channels, 3, 3]);
  let x = ops.input('x', SHAPE);
  for (let layer = 0; layer < 4; layer++) x = ops.conv2d(x, weight, undefined, { padding: 1 });
  ops.output('y', x);
  const session = await ort.InferenceSession.create(ops.graph.toBinary(String), {
    executionProviders: [provider],
    logSeverityLevel: 4,
  });
  try {
    const feeds = { x: new ort.Tensor('float32', new Float32Array(SHAPE.reduce((a, b) => a * b)).fill(1), SHAPE) };
    const times: number[] = [];
    for (let run = 0; run < 4; run++) {
      const start = performance.now();
      await session.run(feeds);
      times.push(performance.now() - start);
    }
    return Math.min(...times.slice(1));
  } finally {
    await session.release();
  }
}

/** On Linux WebGPU is Vulkan; looked up as the loader does, because WebGPU itself complains on stderr. */
async function lacksVulkan(): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  const libraries = await readFile('/etc/ld.so.cache').catch(() => undefined);
  return libraries !== undefined && !libraries.includes('libvulkan.so.1');
}
