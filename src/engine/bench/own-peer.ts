import { createInterface } from 'node:readline';
import { InputError } from '../../errors.ts';
import { draw } from '../pipeline/draw.ts';
import { openModel } from '../pipeline/open-model.ts';
import { recipesFor } from '../pipeline/recipes.ts';
import { TorchGenerator } from '../random/torch-generator.ts';
import { openUnet } from '../runtime/networks/unets.ts';
import { lanesFor, type RuntimeOptions } from '../runtime/runtime.ts';
import type { Task, Work } from './peer.ts';

/** The engine as a peer of itself, in a process of its own as the others are: reads tasks, answers with seconds. */
const runs = new Map<string, number[]>();
let work: (() => Promise<unknown>) | undefined;

for await (const line of createInterface({ input: process.stdin })) {
  try {
    const request = JSON.parse(line) as { do: 'open' | 'run' } & Task;
    const start = performance.now();
    runs.clear();
    if (request.do === 'open') work = await open(request);
    else await work?.();
    const seconds = (performance.now() - start) / 1000;
    const peakBytes = process.resourceUsage().maxRSS * 1024;
    answer({ seconds, runs: Object.fromEntries(runs), peakBytes });
  } catch (error) {
    answer({ error: error instanceof Error ? error.message : String(error) });
  }
}

async function open({ work, threads, precision }: Task): Promise<() => Promise<unknown>> {
  if (precision === 'bfloat16') throw new InputError('expected float32 or int8, found bfloat16');
  const options: RuntimeOptions = {
    threads,
    lanes: lanesFor(threads),
    precision,
    onRun: (network, milliseconds) => runs.set(network, [...(runs.get(network) ?? []), milliseconds]),
  };
  return work.kind === 'drawing' ? openDrawing(work, options) : openStep(work, options);
}

async function openDrawing(work: Extract<Work, { kind: 'drawing' }>, options: RuntimeOptions) {
  const { prompt, count, steps, guidanceScale, priorGuidanceScale } = work;
  const model = await openModel(work.folder, options);
  const settings = { seed: 0, count, steps, guidanceScale, priorGuidanceScale };
  let drawn = 0;
  // Another text each time: those that it has read lately are remembered.
  return () => draw(model, recipesFor(model, { operation: 'imagine', prompt: `${prompt} ${++drawn}` }, settings));
}

async function openStep(work: Extract<Work, { kind: 'unet' }>, options: RuntimeOptions) {
  const { rows, channels, size, embeddingWidth } = work;
  const unet = await openUnet(work.folder, options);
  const generator = new TorchGenerator(0);
  const inputs = {
    sample: generator.randn([rows, channels, size, size]),
    timestep: Array<number>(rows).fill(500),
    imageEmbedding: generator.randn([rows, embeddingWidth]),
  };
  return () => unet.predict(inputs);
}

function answer(message: object) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
