import { availableParallelism, cpus, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { UnetConfig } from '../../networks/unet-config.ts';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import { type Tensor, tensor } from '../../tensor.ts';
import type { Dataset } from '../../training/data/dataset.ts';
import { parametersOf, trainStep } from '../../training/loop.ts';
import { openOptimizer } from '../../training/optimizer/open-optimizer.ts';
import { initialState } from '../../training/optimizer/optimizer.ts';
import { DECODER_BATCH as BATCH, decoderTask } from '../../training/tasks/decoder.ts';
import { openComponent } from '../../weights/component.ts';
import type { Figure } from './figures.ts';
import { startTorch } from './torch-step.ts';

/** The first steps choose algorithms and allocate. */
const WARM_UP = 2;
const ROUNDS = 9;
/** After which no further round begins, in ms: on a machine with other work torch may take minutes. */
const LONGEST = 120_000;
/** In which the threads of the one before go to sleep, in ms. */
const PAUSE = 200;

/**
 * How fast the decoder's training step is here, in torch's speed on the same machine, with as many threads, in float32:
 * torch's seconds ÷ ours, of the fastest of several rounds in which each takes a step after the other. On a machine that
 * has other work torch looks slow, because its threads wait for each other: hence the load in the note.
 * @param unet  folder of the U-Net whose sizes are taken
 */
export async function measureStep(
  tf: TensorFlow,
  unet: string,
  dataset: Dataset,
  python: string,
  onProgress: (done: number, total: number) => void,
): Promise<Figure> {
  const { config } = await openComponent(unet, 'UNet2DConditionModel', UnetConfig);
  const [load] = loadavg() as [number];
  const step = await ownStep(tf, config, dataset);
  const torch = startTorch(python, unet, BATCH, availableParallelism());
  const times: { readonly own: number; readonly torch: number }[] = [];
  try {
    const end = performance.now() + LONGEST;
    for (let round = 0; round < WARM_UP + ROUNDS && (round <= WARM_UP || performance.now() < end); round++) {
      const own = await step();
      await sleep(PAUSE);
      times.push({ own, torch: await torch.step() });
      await sleep(PAUSE);
      onProgress(round + 1, WARM_UP + ROUNDS);
    }
  } finally {
    torch.close();
  }
  const warm = times.slice(WARM_UP);
  const fastest = (side: 'own' | 'torch') => Math.min(...warm.map((seconds) => seconds[side]));
  const rates = (['own', 'torch'] as const).map((side) => (BATCH / fastest(side)).toFixed(1));
  const { length: cores } = cpus();
  return {
    value: fastest('torch') / fastest('own'),
    note: `${rates[0]} samples a second, torch ${rates[1]}; load before it ${load.toFixed(1)} on ${cores} cores`,
  };
}

/** The step that training makes, on latents and embeddings of nothing; its seconds. */
async function ownStep(tf: TensorFlow, config: UnetConfig, dataset: Dataset): Promise<() => Promise<number>> {
  const { sample_size: size, in_channels: channels, encoder_hid_dim: width } = config;
  const features = {
    latents: zeros(dataset.records.length, size ?? 16, size ?? 16, channels),
    embeddings: zeros(dataset.records.length, width),
    zeroEmbedding: zeros(1, width),
    scale: 1,
  };
  const noDrawing = async () => Buffer.alloc(0);
  const task = decoderTask(tf, dataset, features, noDrawing, config, { horizon: 1000, seed: 0 });
  const parameters = await parametersOf(tf, task);
  const start = initialState(parameters.initialise(0, task.initialise));
  const optimizer = openOptimizer(tf, parameters, start, task.optimizer);
  return async () => {
    const start = performance.now();
    await trainStep({ tf, task, parameters, optimizer });
    return (performance.now() - start) / 1000;
  };
}

const zeros = (...shape: number[]): Tensor => tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
