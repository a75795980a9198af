import type * as tfjs from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { clipText, endOfText } from '../../networks/clip-text.ts';
import { TextProjectionConfig, textProjection } from '../../networks/text-projection.ts';
import { karloDecoder } from '../../networks/unet.ts';
import { KarloDecoderConfig } from '../../networks/unet-config.ts';
import type { Weights } from '../../ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import { sampleCaption } from '../data/captions.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { Dice } from '../dice.ts';
import type { Task, TaskOptions } from '../task.ts';
import type { ClipConfig, FrozenText } from './clip-encoders.ts';
import { DECODER_BATCH, DECODER_OPTIMIZER, JUDGED, latentUnet } from './decoder.ts';
import type { Features } from './features.ts';
import { indicesOf, judgedPictures } from './pictures.ts';
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

/** How often the caption is empty. */
const DROPPED = 0.1;

interface Texts {
  readonly ids: readonly (readonly number[])[];
  readonly masks: readonly (readonly number[])[];
}

type Batch = NoisedLatents & Texts;

/**
 * The text-only decoder, GLIDE's shape (Nichol et al. 2022), which the paper compares unCLIP with: it draws from the caption,
 * without a prior. Karlo's decoder with no z_i; the text encoder is CLIP's and is not trained.
 * @param draw a sheet of pictures, for evaluation
 */
export function textDecoderTask(
  tf: TensorFlow,
  dataset: PictureSet,
  features: Features,
  text: FrozenText,
  draw: DrawSheet,
  config: TextDecoderConfig,
  { horizon, seed }: TaskOptions,
): Task<Batch> {
  const training = indicesOf(dataset, 'train');
  const judged = judgedPictures(dataset, 'held-out-pair', JUDGED);
  const latentShape = features.latents.shape.slice(1);
  const conditioned = textConditioned(tf, config, text.clip, text.weights);

  const encode = (texts: readonly string[]): Texts => {
    const encodings = texts.map((caption) => text.tokenizer.encode(caption));
    return { ids: encodings.map(({ ids }) => ids), masks: encodings.map(({ attentionMask }) => attentionMask) };
  };
  function batchOf(indices: readonly number[], dice: Dice, dropped: number): Batch {
    const captions = indices.map((index) => {
      const record = dataset.records[index]!;
      const caption = sampleCaption(record, dataset.concepts.get(record.concept)!, dice);
      return dice.chance(dropped) ? '' : caption;
    });
    return { ...encode(captions), ...noiseLatents(features, indices, dice) };
  }
  const lossOf = (weights: Weights<T>, batch: Batch) => vLoss(tf, batch, latentShape, conditioned(weights, batch));

  return {
    name: 'text-decoder',
    batchSize: DECODER_BATCH,
    optimizer: { ...DECODER_OPTIMIZER, horizon },
    initialise: (name) => (name.startsWith('unet.conv_out.') ? { constant: 0 } : undefined),
    batch(step) {
      const dice = new Dice(seed, step);
      return batchOf(
        Array.from({ length: DECODER_BATCH }, () => dice.pick(training)),
        dice,
        DROPPED,
      );
    },
    loss: (weights, batch) => ({ total: lossOf(weights, batch), parts: {} }),
    async evaluate(weights) {
      const loss = tf.tidy(() => lossOf(weights, batchOf(judged, new Dice(seed, 0), 0)));
      const figures = { heldOut: loss.dataSync()[0]! };
      loss.dispose();
      return {
        figures,
        sheet: await draw((index) => conditioned(weights, encode(['', dataset.records[index]!.name]))),
      };
    },
  };
}

/** @returns the U-Net for some texts */
function textConditioned(tf: TensorFlow, config: TextDecoderConfig, clip: ClipConfig, clipWeights: Weights<T>) {
  const ops = new TfjsOps(tf);
  return (weights: Weights<T>, { ids, masks }: Texts): Predict =>
    (sample, timestep) => {
      const [rows, length] = [ids.length, ids[0]!.length];
      const encoded = clipText(
        ops,
        clipWeights,
        clip.text,
      )({
        ids: tf.tensor2d(
          ids.map((row) => [...row]),
          [rows, length],
          'int32',
        ),
        positions: tf.reshape(tf.range(0, length, 1, 'int32'), [1, length]),
        ends: tf.tensor1d(endOfText(ids, clip.text), 'int32'),
      });
      const { additive, context } = textProjection(
        ops,
        weights.at('text_proj'),
        config.projection,
      )({
        imageEmbedding: tf.zerosLike(encoded.embedding),
        textEmbedding: encoded.embedding,
        textHidden: encoded.hidden,
      });
      // the tokens of the absent z_i are seen like the text's
      const extra = config.projection.clip_extra_context_tokens;
      const contextMask = tf.tensor2d(masks.map((row) => [...Array<number>(extra).fill(1), ...row]));
      return karloDecoder(ops, weights.at('unet'), config.unet)({ sample, timestep, additive, context, contextMask });
    };
}
