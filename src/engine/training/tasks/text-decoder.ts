import type * as tfjs from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { TextProjectionConfig, textProjection } from '../../networks/text-projection.ts';
import { karloDecoder } from '../../networks/unet.ts';
import { KarloDecoderConfig } from '../../networks/unet-config.ts';
import type { Weights } from '../../ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { Dice, evaluationDice } from '../dice.ts';
import type { Task, TaskOptions } from '../task.ts';
import { type CaptionedPictures, captionedPictures } from './captioned-pictures.ts';
import type { ClipConfig, FrozenText } from './clip-encoders.ts';
import { DECODER_BATCH, DECODER_OPTIMIZER, JUDGED, latentUnet } from './decoder.ts';
import { type Captions, captionEncoder, drawCaptions, tokenize } from './encode-captions.ts';
import { evaluatedNumber } from './evaluated.ts';
import type { Features } from './features.ts';
import { judgedPictures } from './pictures.ts';
import type { DrawSheet } from './sample-pictures.ts';
import { type NoisedLatents, noiseLatents, type Predict, vLoss } from './v-prediction.ts';

type T = tfjs.Tensor;

/** Sizes of U-Net and text projection. */
export const TextDecoderConfig = z.strictObject({ unet: KarloDecoderConfig, projection: TextProjectionConfig });
export type TextDecoderConfig = z.infer<typeof TextDecoderConfig>;

/** As large as the image-conditioned decoder, so that the two can be compared. */
export function textDecoderConfig(channels: readonly number[], { text }: ClipConfig): TextDecoderConfig {
  const unet = KarloDecoderConfig.parse({ ...latentUnet(channels), class_embed_type: 'identity' });
  const projection = TextProjectionConfig.parse({
    clip_embeddings_dim: text.projection_dim,
    time_embed_dim: 4 * channels[0]!,
    cross_attention_dim: unet.cross_attention_dim,
  });
  return { unet, projection };
}

type Batch = NoisedLatents & Captions;

/**
 * The text-only decoder, GLIDE's shape (Nichol et al. 2022), which the paper compares unCLIP with: it draws from the caption,
 * without a prior. Karlo's decoder with no z_i; the text encoder is CLIP's and is not trained.
 * @param draw a sheet of pictures, for evaluation
 */
export function textDecoderTask(
  tf: TensorFlow,
  dataset: PictureSet,
  features: Pick<Features, 'latents'>,
  text: FrozenText,
  draw: DrawSheet,
  config: TextDecoderConfig,
  { horizon, seed }: TaskOptions,
): Task<Batch> {
  const drawCaptioned = captionedPictures(dataset, text.vocabulary);
  const judged = judgedPictures(dataset, 'held-out-pair', JUDGED);
  const latentShape = features.latents.shape.slice(1);
  const conditioned = textConditioned(tf, config, text);

  const batchOf = ({ indices, captions }: CaptionedPictures, dice: Dice): Batch => ({
    ...tokenize(text, captions),
    ...noiseLatents(features, indices, dice),
  });
  const lossOf = (weights: Weights<T>, batch: Batch) => vLoss(tf, batch, latentShape, conditioned(weights, batch));

  return {
    name: 'text-decoder',
    batchSize: DECODER_BATCH,
    optimizer: { ...DECODER_OPTIMIZER, horizon },
    initialise: (name) => (name.startsWith('unet.conv_out.') ? { constant: 0 } : undefined),
    batch(step) {
      const dice = new Dice(seed, step);
      return batchOf(drawCaptioned(DECODER_BATCH, dice), dice);
    },
    loss: (weights, batch) => ({ total: lossOf(weights, batch), parts: {} }),
    async evaluate(weights) {
      const dice = evaluationDice();
      const batch = batchOf({ indices: judged.indices, captions: drawCaptions(dataset, judged.indices, dice) }, dice);
      const loss = await evaluatedNumber(tf, () => lossOf(weights, batch));
      return {
        figures: judged.name({ loss }),
        sheet: await draw((index) => conditioned(weights, tokenize(text, ['', dataset.records[index]!.name]))),
      };
    },
  };
}

/** @returns the U-Net for some texts */
export function textConditioned(tf: TensorFlow, config: TextDecoderConfig, text: FrozenText) {
  const ops = new TfjsOps(tf);
  const encode = captionEncoder(tf, text);
  return (weights: Weights<T>, captions: Captions): Predict =>
    (sample, timestep) => {
      const { textEmbedding, textHidden, textMask } = encode(captions);
      const { additive, context } = textProjection(
        ops,
        weights.at('text_proj'),
        config.projection,
      )({ imageEmbedding: tf.zerosLike(textEmbedding), textEmbedding, textHidden });
      // the tokens of the absent z_i are seen like the text's
      const extra = tf.ones([captions.ids.length, config.projection.clip_extra_context_tokens]);
      const contextMask = tf.concat([extra, textMask], 1);
      return karloDecoder(ops, weights.at('unet'), config.unet)({ sample, timestep, additive, context, contextMask });
    };
}
