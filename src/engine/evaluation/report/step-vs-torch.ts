import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { copyDataset } from '../../training/data/build.ts';
import type { Dataset } from '../../training/data/dataset.ts';
import { importModel } from '../../training/import.ts';
import { parametersOf, trainStep } from '../../training/loop.ts';
import { openOptimizer } from '../../training/optimizer/open-optimizer.ts';
import { initialState } from '../../training/optimizer/optimizer.ts';
import { shareThreads, startHelpers } from '../../training/parallel/helpers.ts';
import { createTask } from '../../training/parts.ts';
import { indicesOf } from '../../training/tasks/pictures.ts';
import { loadTensorFlow, trainingDevice } from '../../training/tensorflow.ts';
import type { Figure } from './figures.ts';
import { startTorch } from './torch-step.ts';

/** Of the data set, which are trained on: how many there are changes nothing. */
const PICTURES = 64;
/** The first steps choose algorithms and allocate. */
const WARM_UP = 2;
const ROUNDS = 9;
/** After which no further round begins, in ms: on a machine with other work torch may take minutes. */
const LONGEST = 120_000;
/** In which the threads of the one before go to sleep, in ms. */
const PAUSE = 200;

interface StepOptions {
  /** Model folder, whose decoder is trained. */
  readonly model: string;
  /** Folder of its U-Net. */
  readonly unet: string;
  readonly dataset: Dataset;
  /** A Python with torch and diffusers. */
  readonly python: string;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * How fast the decoder trains here, in torch's speed on the same machine, in float32: our samples a second ÷ torch's, each of
 * the fastest of several rounds in which one step follows the other. On a CPU both have all cores: training here has a process
 * for each (`--processes`), torch a thread. On a machine that has other work torch looks slow, because its threads wait for
 * each other: hence the load in the note.
 */
export async function measureStep(options: StepOptions): Promise<Figure> {
  const folder = await mkdtemp(join(tmpdir(), 'unclip-step-'));
  return measureIn(folder, options).finally(() => rm(folder, { recursive: true }));
}

async function measureIn(folder: string, { model, unet, dataset, python, onProgress }: StepOptions): Promise<Figure> {
  const [load] = loadavg() as [number];
  const own = await openSteps(model, dataset, folder);
  const torch = startTorch(python, unet, own.batchSize, availableParallelism());
  const times: { readonly own: number; readonly torch: number }[] = [];
  try {
    const end = performance.now() + LONGEST;
    for (let round = 0; round < WARM_UP + ROUNDS && (round <= WARM_UP || performance.now() < end); round++) {
      const seconds = await own.step();
      await sleep(PAUSE);
      times.push({ own: seconds, torch: await torch.step() });
      await sleep(PAUSE);
      onProgress(round + 1, WARM_UP + ROUNDS);
    }
  } finally {
    torch.close();
    own.close();
  }
  const warm = times.slice(WARM_UP);
  const fastest = (side: 'own' | 'torch') => Math.min(...warm.map((seconds) => seconds[side]));
  const rate = { own: (own.processes * own.batchSize) / fastest('own'), torch: own.batchSize / fastest('torch') };
  return {
    value: rate.own / rate.torch,
    note: `${rate.own.toFixed(1)} samples a second in ${own.processes} processes, torch ${rate.torch.toFixed(1)}; load before it ${load.toFixed(1)} on ${cpus().length} cores`,
  };
}

/** The steps that `npm run train -- decoder` makes, on some pictures of a data set. */
async function openSteps(model: string, dataset: Dataset, folder: string) {
  const [data, runs] = [join(folder, 'pictures'), join(folder, 'runs')];
  await copyDataset(dataset, indicesOf(dataset, 'train').slice(0, PICTURES), data);
  await importModel(model, runs, () => {});
  const onCpu = (trainingDevice() ?? 'cpu') === 'cpu';
  const processes = onCpu ? availableParallelism() : 1;
  if (onCpu) shareThreads(processes, process.env);
  const tf = await loadTensorFlow();
  const order = { part: 'decoder', data, runs, seed: 0 } as const;
  const task = await createTask(tf, order.part, { ...order, time: 0, say: () => {} });
  const parameters = await parametersOf(tf, task);
  const start = initialState(parameters.initialise(0, task.initialise));
  const optimizer = openOptimizer(tf, parameters, start, task.optimizer);
  const helpers = await startHelpers(processes - 1, order);
  return {
    processes,
    batchSize: task.batchSize,
    /** Its seconds. */
    async step(): Promise<number> {
      const before = performance.now();
      await trainStep({ tf, task, parameters, optimizer, helpers });
      return (performance.now() - before) / 1000;
    },
    close: helpers.close,
  };
}
