import type * as tfjs from '@tensorflow/tfjs-core';
import { unet } from '../../networks/unet.ts';
import { UnetConfig } from '../../networks/unet-config.ts';
import type { Weights } from '../../ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { Dice, evaluationDice } from '../dice.ts';
import type { Task, TaskOptions } from '../task.ts';
import { DROPPED } from './captioned-pictures.ts';
import { evaluatedNumber } from './evaluated.ts';
import { type Features, gatherRows } from './features.ts';
import { concatenated, judgedPictures, trainingPictures } from './pictures.ts';
import type { PriorEmbeddings } from './prior-embeddings.ts';
import type { DrawSheet } from './sample-pictures.ts';
import { type NoisedLatents, noiseLatents, type Predict, vLoss } from './v-prediction.ts';

/** Kandinsky 2.2's decoder at CPU size: 16 × 16 × 4 latents, attention from the second level on. */
export function unetConfig(channels: readonly number[], embeddingWidth: number): UnetConfig {
  return UnetConfig.parse({
    ...latentUnet(channels),
    encoder_hid_dim: embeddingWidth,
    encoder_hid_dim_type: 'image_proj',
    addition_embed_type: 'image',
  });
}

/** What all U-Nets on MoVQ's latents share. */
export function latentUnet(channels: readonly number[]) {
  const last = channels.length - 1;
  return {
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
  };
}

/** How the decoders are trained; their last layer starts at zero. */
export const DECODER_OPTIMIZER = {
  learningRate: 8e-4,
  warmup: 500,
  average: 0.999,
  beta1: 0.9,
  beta2: 0.99,
  eps: 1e-8,
  weightDecay: 0.01,
  maxNorm: 1,
};
export const DECODER_BATCH = 64;
export const JUDGED = 64;

/** Noise on the embedding, in its standard deviations: the prior's embeddings are not exact either. */
const EMBEDDING_NOISE = 0.15;

/** How often it is one that a prior has made of a text, where there are such. */
const OF_PRIOR = 0.5;

export interface DecoderBatch extends NoisedLatents {
  /** (B, P). */
  readonly embeddings: Float32Array;
  /** Whether a row's embedding is that of no picture. */
  readonly dropped: readonly boolean[];
}

/**
 * Noised latents of some pictures, and their embeddings, disturbed or dropped.
 * @param embeddings (B, P): the pictures' own where it is absent; is written to
 */
export function decoderBatch(
  features: Features,
  indices: readonly number[],
  dice: Dice,
  embeddings = gatherRows(features.embeddings, indices),
): DecoderBatch {
  const width = features.zeroEmbedding.data.length;
  const disturbance = dice.normal([embeddings.length]).data;
  for (let i = 0; i < embeddings.length; i++) embeddings[i]! += EMBEDDING_NOISE * disturbance[i]!;
  const dropped = indices.map(() => dice.chance(DROPPED));
  for (const [b, isDropped] of dropped.entries()) {
    if (isDropped) embeddings.set(features.zeroEmbedding.data, b * width);
  }
  return { embeddings, dropped, ...noiseLatents(features, indices, dice) };
}

/**
 * The decoder learns to draw from the picture's CLIP embedding.
 * @param draw a sheet of pictures, for evaluation
 * @param made by a prior: from these it learns too, as it will have to draw from such
 */
export function decoderTask(
  tf: TensorFlow,
  dataset: PictureSet,
  features: Features,
  draw: DrawSheet,
  config: UnetConfig,
  { horizon, seed }: TaskOptions,
  made?: PriorEmbeddings,
): Task<DecoderBatch> {
  const network = unetOf(tf, config);
  const drawPicture = trainingPictures(dataset);
  const judged = judgedPictures(dataset, 'held-out-pair', JUDGED);
  const latentShape = features.latents.shape.slice(1);

  const lossOf = (weights: Weights<tfjs.Tensor>, batch: DecoderBatch) =>
    vLoss(tf, batch, latentShape, network(weights, batch.embeddings));
  const ownEmbedding = (picture: number) => ({ picture, embedding: gatherRows(features.embeddings, [picture]) });

  return {
    name: 'decoder',
    batchSize: DECODER_BATCH,
    optimizer: { ...DECODER_OPTIMIZER, horizon },
    initialise: (name) => (name.startsWith('conv_out.') ? { constant: 0 } : undefined),
    batch(step) {
      const dice = new Dice(seed, step);
      const drawn = Array.from({ length: DECODER_BATCH }, () => {
        if (!made || !dice.chance(OF_PRIOR)) return ownEmbedding(drawPicture(dice));
        const row = dice.below(made.pictures.length);
        return { picture: made.pictures[row]!, embedding: gatherRows(made.embeddings, [row]) };
      });
      const pictures = drawn.map(({ picture }) => picture);
      return decoderBatch(features, pictures, dice, concatenated(drawn.map(({ embedding }) => embedding)));
    },
    loss: (weights, batch) => ({ total: lossOf(weights, batch), parts: {} }),
    async evaluate(weights) {
      const loss = await evaluatedNumber(tf, () =>
        lossOf(weights, decoderBatch(features, judged.indices, evaluationDice())),
      );
      return {
        figures: judged.name({ loss }),
        sheet: await draw((index) => network(weights, guided(features, index))),
      };
    },
  };
}

/** What guidance needs of a picture: the embeddings of no picture and of it, (2, P). */
export const guided = (features: Features, index: number): Float32Array =>
  Float32Array.of(...features.zeroEmbedding.data, ...gatherRows(features.embeddings, [index]));

/** @returns the U-Net for embeddings (B, P), one after another */
export function unetOf(tf: TensorFlow, config: UnetConfig) {
  return (weights: Weights<tfjs.Tensor>, embeddings: Float32Array): Predict => {
    const network = unet(new TfjsOps(tf), weights, config);
    const shape = [embeddings.length / config.encoder_hid_dim, config.encoder_hid_dim];
    return (sample, timestep) => network({ sample, timestep, imageEmbedding: tf.tensor(embeddings, shape) });
  };
}
