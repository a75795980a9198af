import type * as tfjs from '@tensorflow/tfjs-core';
import { withGuidance } from '../../diffusion/guidance.ts';
import { schedulerFromConfig } from '../../diffusion/scheduler.ts';
import { latentChannels, type MovqConfig, movqDecoder } from '../../networks/movq.ts';
import type { Weights } from '../../ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import { TorchGenerator } from '../../random/torch-generator.ts';
import type { Tensor } from '../../tensor.ts';
import { contactSheet, sheetRow } from '../data/contact-sheet.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { PICTURE_SIZE } from '../data/rasterise.ts';
import { DRAWING_SETTINGS } from '../drawing-settings.ts';
import { evaluated } from './evaluated.ts';
import { DECODER_SCHEDULER } from './noising.ts';
import { evenly, indicesOf, toBytes } from './pictures.ts';
import { firstHalf, type Predict } from './v-prediction.ts';

type T = tfjs.Tensor;

/**
 * Draws a sheet of pictures, PNG.
 * @param unet for a picture of the data set: the U-Net for two rows, without condition and with that picture's
 */
export type DrawSheet = (unet: (index: number) => Predict | Promise<Predict>) => Promise<Buffer>;

const COLUMNS = 8;
/** Of all samples. */
export const SAMPLE_SEED = 0;

/** Sheets of the same pictures at every call: those that are in the data set, and below them what a decoder makes of their conditions. */
export function createSheet(tf: TensorFlow, dataset: PictureSet, movq: MovqConfig, movqWeights: Weights<T>): DrawSheet {
  const paint = createPainter(tf, movq, movqWeights);
  const groups = (['train', 'held-out-pair'] as const)
    .map((split) => evenly(indicesOf(dataset, split), COLUMNS))
    .filter((group) => group.length > 0);
  return async (unet) => {
    const sheet: Uint8Array[] = [];
    for (const group of groups) {
      const drawn: Uint8Array[] = [];
      for (const index of group) drawn.push(await paint(await unet(index), SAMPLE_SEED));
      const shown = group.map((index) => dataset.read(index));
      sheet.push(...sheetRow(shown, COLUMNS), ...sheetRow(drawn, COLUMNS));
    }
    return contactSheet(sheet, { columns: COLUMNS, size: PICTURE_SIZE });
  };
}

/** @returns  draws a picture, 128 × 128 RGBA bytes, by a U-Net for two rows, without condition and with one */
export function createPainter(
  tf: TensorFlow,
  movq: MovqConfig,
  movqWeights: Weights<T>,
): (predict: Predict, seed: number) => Promise<Uint8Array> {
  return async (predict, seed) =>
    decodeLatents(tf, movq, movqWeights, await sampleLatents(tf, predict, latentShapeOf(movq), seed));
}

/** Of a picture's latents: (h, w, c). */
export function latentShapeOf(movq: MovqConfig): readonly number[] {
  const side = PICTURE_SIZE / 2 ** (movq.block_out_channels.length - 1);
  return [side, side, latentChannels(movq)];
}

/** DDIM with guidance, as an exported model draws. → (1, c, h, w) */
async function sampleLatents(
  tf: TensorFlow,
  predict: Predict,
  [height, width, channels]: readonly number[],
  seed: number,
): Promise<Tensor> {
  const ops = new TfjsOps(tf);
  const scheduler = schedulerFromConfig(DECODER_SCHEDULER, 'scheduler');
  const generator = new TorchGenerator(seed);
  const noise = () => generator.randn([1, channels!, height!, width!]);
  const denoise = async (sample: Tensor, t: number): Promise<Tensor> => {
    return evaluated(tf, () => {
      const image = ops.image(tf.tensor(sample.data, [...sample.shape]));
      return ops.fromImage(firstHalf(tf, predict(image, tf.fill([sample.shape[0]!, 1], t))));
    });
  };
  const { steps, guidanceScale } = DRAWING_SETTINGS;
  return scheduler.sampler(withGuidance(denoise, guidanceScale), noise(), scheduler.schedule(steps), { noise });
}

/** (1, c, h, w) → 128 × 128 RGBA bytes. */
async function decodeLatents(
  tf: TensorFlow,
  config: MovqConfig,
  weights: Weights<T>,
  { data, shape }: Tensor,
): Promise<Uint8Array> {
  const ops = new TfjsOps(tf);
  const decode = movqDecoder(ops, weights, config);
  return toBytes((await evaluated(tf, () => decode(ops.image(tf.tensor(data, [...shape]))))).data);
}
