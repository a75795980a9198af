import type * as tfjs from '@tensorflow/tfjs-core';
import { unet } from '../../networks/unet.ts';
import { UnetConfig } from '../../networks/unet-config.ts';
import type { Weights } from '../../ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { Dice } from '../dice.ts';
import type { Task } from '../task.ts';
import { type Features, gatherRows } from './features.ts';
import { createNoising, DECODER_SCHEDULER, type NoiseLevels } from './noising.ts';
import { indicesOf, judgedPictures } from './pictures.ts';
import type { PictureDecoder } from './sample-pictures.ts';

/** Kandinsky 2.2's decoder at CPU size: 16 × 16 × 4 latents, attention from the second level on. */
export function unetConfig(channels: readonly number[], embeddingWidth: number): UnetConfig {
  const last = channels.length - 1;
  return UnetConfig.parse({
    sample_size: 16,
    in_channels: 4,
    // the pipeline splits a second half off, for a variance that this decoder does not predict
    out_channels: 8,
    block_out_channels: [...channels],
    layers_per_block: 1,
    down_block_types: channels.map((_, i) => (i === 0 ? 'ResnetDownsampleBlock2D' : 'SimpleCrossAttnDownBlock2D')),
    mid_block_type: 'UNetMidBlock2DSimpleCrossAttn',
    up_block_types: channels.map((_, i) => (i === last ? 'ResnetUpsampleBlock2D' : 'SimpleCrossAttnUpBlock2D')),
    attention_head_dim: 32,
    cross_attention_dim: 128,
    norm_num_groups: 32,
    resnet_time_scale_shift: 'scale_shift',
    encoder_hid_dim: embeddingWidth,
    encoder_hid_dim_type: 'image_proj',
    addition_embed_type: 'image',
  });
}

/** How often the embedding is that of no picture. */
const DROPPED = 0.1;
/** Noise on the embedding, in its standard deviations: the prior's embeddings are not exact either. */
const EMBEDDING_NOISE = 0.15;
const JUDGED = 64;
/** Hang et al. 2023. */
const MIN_SNR = 5;

interface Batch extends NoiseLevels {
  /** (B, 16, 16, 4) each. */
  readonly latents: Float32Array;
  readonly epsilon: Float32Array;
  /** (B, P). */
  readonly embeddings: Float32Array;
}

export interface DecoderOptions {
  readonly config: UnetConfig;
  readonly batchSize: number;
  readonly horizon: number;
  readonly seed: number;
}

/**
 * The decoder learns v = √ᾱ·ε − √(1−ᾱ)·x0 (Salimans & Ho 2022) from noised latents and the picture's CLIP embedding;
 * the squared error is weighed with min(SNR, 5)/(SNR + 1).
 * @param draw pictures of embeddings, for evaluation
 */
export function decoderTask(
  tf: TensorFlow,
  dataset: PictureSet,
  features: Features,
  draw: PictureDecoder,
  options: DecoderOptions,
): Task<Batch> {
  const { config, batchSize, horizon, seed } = options;
  const ops = new TfjsOps(tf);
  const network = (weights: Weights<tfjs.Tensor>) => unet(ops, weights, config);
  const training = indicesOf(dataset, 'train');
  const judged = judgedPictures(dataset, 'held-out-pair', JUDGED);
  const noising = createNoising(DECODER_SCHEDULER);
  const latentShape = features.latents.shape.slice(1);

  function batchOf(indices: readonly number[], dice: Dice): Batch {
    const latents = gatherRows(features.latents, indices);
    const embeddings = gatherRows(features.embeddings, indices);
    const disturbance = dice.normal([indices.length, features.embeddings.shape[1]!]).data;
    for (let i = 0; i < embeddings.length; i++) embeddings[i]! += EMBEDDING_NOISE * disturbance[i]!;
    const width = features.zeroEmbedding.data.length;
    for (let b = 0; b < indices.length; b++)
      if (dice.chance(DROPPED)) embeddings.set(features.zeroEmbedding.data, b * width);
    return { latents, embeddings, epsilon: dice.normal([latents.length]).data, ...noising(indices.length, dice) };
  }

  function lossOf(
    weights: Weights<tfjs.Tensor>,
    { latents, epsilon, embeddings, timesteps, signal, noise }: Batch,
  ): tfjs.Scalar {
    const rows = timesteps.length;
    const image = (values: Float32Array) => tf.tensor(values, [rows, ...latentShape]);
    const perRow = (values: Float32Array) => tf.tensor(values, [rows, 1, 1, 1]);
    const [x0, eps, a, s] = [image(latents), image(epsilon), perRow(signal), perRow(noise)];
    const v = tf.sub(tf.mul(a, eps), tf.mul(s, x0));
    const predicted = network(weights)({
      sample: tf.add(tf.mul(a, x0), tf.mul(s, eps)),
      timestep: tf.tensor(timesteps, [rows, 1]),
      imageEmbedding: tf.tensor(embeddings, [rows, embeddings.length / rows]),
    });
    const [first] = tf.split(predicted, 2, -1) as [tfjs.Tensor];
    const snrWeight = timesteps.map(
      (_, b) => Math.min((signal[b]! / noise[b]!) ** 2, MIN_SNR) / ((signal[b]! / noise[b]!) ** 2 + 1),
    );
    return tf.mean(tf.mul(perRow(snrWeight), tf.square(tf.sub(first, v)))) as tfjs.Scalar;
  }

  return {
    name: 'decoder',
    batchSize,
    optimizer: {
      learningRate: 6e-4,
      warmup: 500,
      horizon,
      average: 0.999,
      beta1: 0.9,
      beta2: 0.99,
      eps: 1e-8,
      weightDecay: 0.01,
      maxNorm: 1,
    },
    initialise: (name) => (name.startsWith('conv_out.') ? { constant: 0 } : undefined),
    batch(step) {
      const dice = new Dice(seed, step);
      return batchOf(
        Array.from({ length: batchSize }, () => dice.pick(training)),
        dice,
      );
    },
    loss(weights, batch) {
      return { total: lossOf(weights, batch), parts: {} };
    },
    async evaluate(weights) {
      const loss = tf.tidy(() => lossOf(weights, batchOf(judged, new Dice(seed, 0))));
      const figures = { heldOut: loss.dataSync()[0]! };
      loss.dispose();
      return { figures, sheet: await draw(network(weights)) };
    },
  };
}
