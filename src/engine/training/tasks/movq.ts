import type * as tfjs from '@tensorflow/tfjs-core';
import { MovqConfig, movqDecoder, movqEncoder } from '../../networks/movq.ts';
import type { Weights } from '../../ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import type { Tensor } from '../../tensor.ts';
import { contactSheet } from '../data/contact-sheet.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { PICTURE_BYTES, PICTURE_SIZE } from '../data/rasterise.ts';
import { Dice } from '../dice.ts';
import type { Task, TaskOptions } from '../task.ts';
import { evaluated } from './evaluated.ts';
import { latentPenalty, pictureLoss } from './movq-loss.ts';
import { evenly, judgedPictures, paintBackground, randomCrop, toBytes, toUnit, trainingPictures } from './pictures.ts';

type T = tfjs.Tensor;

/** RGBA 128² ↔ 16² × 4, not quantised: f8, as the Kandinsky 2.2 pipeline wants it. */
export function movqConfig(channels: readonly number[]): MovqConfig {
  return MovqConfig.parse({
    sample_size: PICTURE_SIZE,
    in_channels: 4,
    out_channels: 4,
    latent_channels: 4,
    vq_embed_dim: 4,
    num_vq_embeddings: 16,
    block_out_channels: [...channels],
    down_block_types: channels.map(() => 'DownEncoderBlock2D'),
    up_block_types: channels.map(() => 'UpDecoderBlock2D'),
    norm_num_groups: 8,
    mid_block_add_attention: false,
  });
}

const CROP = 64;
const LATENT_NOISE = 0.05;
/** How often the background is a colour. */
const PAINTED = 0.15;
const JUDGED = 128;
const SHOWN = 12;

interface Batch {
  /** (B, 64, 64, 4) in [−1, 1]. */
  readonly crops: Float32Array;
  /** Standard normal, of the latents' shape. */
  readonly noise: Tensor;
}

/** Autoencoder on crops of the training pictures. */
export function movqTask(
  tf: TensorFlow,
  dataset: PictureSet,
  config: MovqConfig,
  { horizon, seed }: TaskOptions,
): Task<Batch> {
  const ops = new TfjsOps(tf);
  const batchSize = 16;
  const drawPicture = trainingPictures(dataset);
  const judged = judgedPictures(dataset, 'held-out-concept', JUDGED);
  const side = CROP / 2 ** (config.block_out_channels.length - 1);

  return {
    name: 'movq',
    batchSize,
    optimizer: {
      learningRate: 1.5e-3,
      warmup: 100,
      horizon,
      average: 0.999,
      beta1: 0.9,
      beta2: 0.99,
      eps: 1e-8,
      weightDecay: 0,
      maxNorm: 1,
    },

    batch(step) {
      const dice = new Dice(seed, step);
      const crops = new Float32Array(batchSize * CROP * CROP * 4);
      for (let b = 0; b < batchSize; b++) {
        const picture = dataset.read(drawPicture(dice));
        if (dice.chance(PAINTED)) paintBackground(picture, [dice.below(256), dice.below(256), dice.below(256)]);
        toUnit(randomCrop(picture, CROP, dice), crops.subarray(b * CROP * CROP * 4, (b + 1) * CROP * CROP * 4));
      }
      return { crops, noise: dice.normal([batchSize, side, side, config.latent_channels]) };
    },

    loss(weights, { crops, noise }) {
      const target = tf.tensor4d(crops, [batchSize, CROP, CROP, 4]);
      const latents = movqEncoder(ops, weights, config)(target);
      const disturbed = tf.add(latents, tf.mul(LATENT_NOISE, tf.tensor(noise.data, [...noise.shape])));
      const parts = {
        ...pictureLoss(tf, movqDecoder(ops, weights, config)(disturbed), target),
        latents: latentPenalty(tf, latents),
      };
      return { total: tf.addN(Object.values(parts)) as tfjs.Scalar, parts };
    },

    async evaluate(weights) {
      const pictures = judged.indices.map((index) => dataset.read(index));
      const copies: Uint8Array[] = [];
      for (const picture of pictures) copies.push(await reconstruct(tf, weights, config, picture));
      const psnr = pictures.reduce((sum, picture, i) => sum + psnrRgb(picture, copies[i]!), 0) / pictures.length;
      const shown = evenly([...pictures.keys()], SHOWN);
      const rows = [...shown.map((i) => pictures[i]!), ...shown.map((i) => copies[i]!)];
      return {
        figures: judged.name({ psnr }),
        sheet: await contactSheet(rows, { columns: shown.length, size: PICTURE_SIZE }),
      };
    },
  };
}

/** A picture through encoder and decoder: 128 × 128 RGBA bytes. */
async function reconstruct(
  tf: TensorFlow,
  weights: Weights<T>,
  config: MovqConfig,
  picture: Uint8Array,
): Promise<Uint8Array> {
  const ops = new TfjsOps(tf);
  const values = new Float32Array(PICTURE_BYTES);
  toUnit(picture, values);
  const copy = await evaluated(tf, () => {
    const latents = movqEncoder(ops, weights, config)(tf.tensor4d(values, [1, PICTURE_SIZE, PICTURE_SIZE, 4]));
    return movqDecoder(ops, weights, config)(latents);
  });
  return toBytes(copy.data);
}

/** Of bytes to what they were rounded from, squared: no picture comes nearer. */
const ROUNDING = 1 / 12;

/**
 * Peak signal to noise, dB, over the three colour channels: 10·log₁₀(255²/MSE), at most 59.
 * @param pixels  all, or only those that are drawn on, which are not wholly transparent: NaN where there are none
 */
export function psnrRgb(expected: Uint8Array, found: Uint8Array, pixels: 'all' | 'drawn' = 'all'): number {
  let [sum, count] = [0, 0];
  for (let i = 0; i < expected.length; i += 4) {
    if (pixels === 'drawn' && expected[i + 3] === 0) continue;
    for (let c = i; c < i + 3; c++) sum += (expected[c]! - found[c]!) ** 2;
    count += 3;
  }
  return 10 * Math.log10(255 ** 2 / Math.max(ROUNDING, sum / count));
}
