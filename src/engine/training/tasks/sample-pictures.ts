import type * as tfjs from '@tensorflow/tfjs-core';
import { withGuidance } from '../../diffusion/guidance.ts';
import { schedulerFromConfig } from '../../diffusion/scheduler.ts';
import { type MovqConfig, movqDecoder } from '../../networks/movq.ts';
import type { Weights } from '../../ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import { TorchGenerator } from '../../random/torch-generator.ts';
import { concatRows, rows, type Tensor } from '../../tensor.ts';
import { contactSheet } from '../data/contact-sheet.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { PICTURE_BYTES, PICTURE_SIZE } from '../data/rasterise.ts';
import type { Features } from './features.ts';
import { DECODER_SCHEDULER } from './noising.ts';
import { evenly, indicesOf, toBytes } from './pictures.ts';

type T = tfjs.Tensor;

/** A U-Net in training: its raw prediction, for a batch. */
type UnetInTraining = (inputs: { readonly sample: T; readonly timestep: T; readonly imageEmbedding: T }) => T;

/** Draws a sheet of pictures, PNG. */
export type PictureDecoder = (unet: UnetInTraining) => Promise<Buffer>;

const STEPS = 20;
const GUIDANCE = 3;
const COLUMNS = 8;
const SEED = 0;

/** Sheets of the same pictures at every call: those that the embeddings are of, and below them what the decoder makes of these. */
export function createPictureDecoder(
  tf: TensorFlow,
  dataset: PictureSet,
  features: Features,
  movq: MovqConfig,
  movqWeights: Weights<T>,
): PictureDecoder {
  const groups = [evenly(indicesOf(dataset, 'train'), COLUMNS), evenly(indicesOf(dataset, 'held-out-pair'), COLUMNS)];
  return async (unet) => {
    const sheet: Uint8Array[] = [];
    for (const group of groups) {
      const drawn: Uint8Array[] = [];
      for (const index of group) {
        const latents = await sampleLatents(tf, unet, features, rows(features.embeddings, index, index + 1));
        drawn.push(decodeLatents(tf, movq, movqWeights, latents));
      }
      sheet.push(...line(group.map((index) => dataset.read(index))), ...line(drawn));
    }
    return contactSheet(sheet, { columns: COLUMNS, size: PICTURE_SIZE });
  };
}

/** A row of the sheet, white where there are no more pictures. */
const line = (pictures: readonly Uint8Array[]): Uint8Array[] =>
  Array.from({ length: COLUMNS }, (_, i) => pictures[i] ?? new Uint8Array(PICTURE_BYTES).fill(255));

/** DDIM with guidance, as the model is meant to be used: embedding (1, P) → latents (1, 4, 16, 16). */
async function sampleLatents(
  tf: TensorFlow,
  unet: UnetInTraining,
  features: Features,
  embedding: Tensor,
): Promise<Tensor> {
  const ops = new TfjsOps(tf);
  const scheduler = schedulerFromConfig(DECODER_SCHEDULER, 'scheduler');
  const [height, width, channels] = features.latents.shape.slice(1) as [number, number, number];
  const condition = concatRows([features.zeroEmbedding, embedding]);
  const generator = new TorchGenerator(SEED);
  const noise = () => generator.randn([1, channels, height, width]);

  const denoise = async (sample: Tensor, t: number): Promise<Tensor> => {
    const output = tf.tidy(() => {
      const predicted = unet({
        sample: ops.image(tf.tensor(sample.data, [...sample.shape])),
        timestep: tf.fill([sample.shape[0]!, 1], t),
        imageEmbedding: tf.tensor(condition.data, [...condition.shape]),
      });
      return ops.fromImage(tf.split(predicted, 2, -1)[0]!);
    });
    const data = output.dataSync() as Float32Array;
    output.dispose();
    return { data, shape: sample.shape };
  };
  return scheduler.sampler(withGuidance(denoise, GUIDANCE), noise(), scheduler.schedule(STEPS), { noise });
}

/** (1, 4, 16, 16) → 128 × 128 RGBA bytes. */
function decodeLatents(tf: TensorFlow, config: MovqConfig, weights: Weights<T>, latents: Tensor): Uint8Array {
  const ops = new TfjsOps(tf);
  const picture = tf.tidy(() =>
    movqDecoder(ops, weights, config)(ops.image(tf.tensor(latents.data, [...latents.shape]))),
  );
  const bytes = toBytes(picture.dataSync() as Float32Array);
  picture.dispose();
  return bytes;
}
