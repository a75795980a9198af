import type * as tfjs from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { ClipTextConfig, type ClipTextInputs, clipText, endOfText } from '../../networks/clip-text.ts';
import { ClipVisionConfig, clipVision } from '../../networks/clip-vision.ts';
import type { Tokenizer } from '../../networks/tokenizer.ts';
import type { Weights } from '../../ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import { PICTURE_SIZE } from '../data/rasterise.ts';
import type { Vocabulary } from '../teacher/neighbours.ts';
import { groupByLength, placesOf } from './by-length.ts';
import { TEXT_LENGTH } from './tokenizer.ts';

type T = tfjs.Tensor;

/** Width of the space that texts and pictures share. */
export const EMBEDDING_WIDTH = 256;

/** Sizes of both encoders. */
export const ClipConfig = z.strictObject({ text: ClipTextConfig, vision: ClipVisionConfig });
export type ClipConfig = z.infer<typeof ClipConfig>;

/** CLIP's text encoder, used and not trained. */
export interface FrozenText {
  readonly tokenizer: Tokenizer;
  readonly clip: ClipConfig;
  readonly weights: Weights<T>;
  /** Words that it knows from another model; who learns from texts then learns them too. */
  readonly vocabulary?: Vocabulary | undefined;
}

/**
 * Text 256 wide × 4 layers; pictures 128² in patches of 16, 192 wide × 6 layers, with many heads, as each looks at one
 * neighbour of a patch at first (`localAttention`); joint embedding of 256.
 */
export function clipConfig(vocabularySize: number): ClipConfig {
  const text = ClipTextConfig.parse({
    vocab_size: vocabularySize,
    hidden_size: 256,
    intermediate_size: 1024,
    projection_dim: EMBEDDING_WIDTH,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    max_position_embeddings: TEXT_LENGTH,
    bos_token_id: vocabularySize - 2,
    eos_token_id: vocabularySize - 1,
    pad_token_id: vocabularySize - 1,
  });
  const vision = ClipVisionConfig.parse({
    hidden_size: 192,
    intermediate_size: 768,
    projection_dim: EMBEDDING_WIDTH,
    num_hidden_layers: 6,
    num_attention_heads: 12,
    image_size: PICTURE_SIZE,
    patch_size: 16,
  });
  return { text, vision };
}

/** Pixels (B·S·S·3) → embeddings of length 1, (B, P). */
export function embedPixels(tf: TensorFlow, weights: Weights<T>, { vision }: ClipConfig, pixels: Float32Array): T {
  const { image_size: size } = vision;
  const images = tf.tensor4d(pixels, [pixels.length / (size * size * 3), size, size, 3]);
  return unitLength(tf, clipVision(new TfjsOps(tf), weights, vision)(images).embedding);
}

/** What the text encoder takes of some texts, cut behind the longest of them: what follows changes nothing. */
export function textInputs(
  tf: TensorFlow,
  texts: readonly (readonly number[])[],
  config: ClipTextConfig,
): ClipTextInputs<T> & { readonly length: number } {
  const ends = endOfText(texts, config);
  const length = 1 + Math.max(...ends);
  const ids = texts.map((row) => row.slice(0, length));
  return {
    ids: tf.tensor2d(ids, [texts.length, length], 'int32'),
    positions: tf.reshape(tf.range(0, length, 1, 'int32'), [1, length]),
    ends: tf.tensor1d(ends, 'int32'),
    length,
  };
}

/** Token ids → embeddings of length 1, (B, P). */
export function embedTokens(
  tf: TensorFlow,
  weights: Weights<T>,
  { text }: ClipConfig,
  texts: readonly (readonly number[])[],
): T {
  const encode = clipText(new TfjsOps(tf), weights, text);
  const groups = groupByLength(endOfText(texts, text));
  const embeddings = groups.map((rows) => {
    const ofGroup = rows.map((row) => texts[row]!);
    return encode(textInputs(tf, ofGroup, text)).embedding;
  });
  return unitLength(tf, tf.gather(tf.concat(embeddings), tf.tensor1d(placesOf(groups), 'int32')));
}

/** x/|x|, row by row. */
export const unitLength = (tf: TensorFlow, x: T): T =>
  tf.mul(x, tf.rsqrt(tf.add(tf.sum(tf.square(x), -1, true), 1e-12)));
