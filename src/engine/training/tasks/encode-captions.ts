import type * as tfjs from '@tensorflow/tfjs-core';
import { clipText } from '../../networks/clip-text.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import { sampleCaption } from '../data/captions.ts';
import type { PictureSet } from '../data/picture-set.ts';
import type { Dice } from '../dice.ts';
import { type FrozenText, textInputs } from './clip-encoders.ts';

type T = tfjs.Tensor;

/** Captions as CLIP's tokenizer has them, B rows. */
export interface Captions {
  readonly ids: readonly (readonly number[])[];
  readonly masks: readonly (readonly number[])[];
}

/** Captions as a prior is shown them; N is the length of the longest. */
export interface EncodedCaptions {
  /** z_t (B, P) */
  readonly textEmbedding: T;
  /** (B, N, D) */
  readonly textHidden: T;
  /** (B, N): 1 token, 0 padding */
  readonly textMask: T;
}

export function tokenize({ tokenizer }: FrozenText, captions: readonly string[]): Captions {
  const encodings = captions.map((caption) => tokenizer.encode(caption));
  return { ids: encodings.map(({ ids }) => ids), masks: encodings.map(({ attentionMask }) => attentionMask) };
}

/** A caption of each picture. */
export const drawCaptions = (set: PictureSet, indices: readonly number[], dice: Dice): string[] =>
  indices.map((index) => captionOf(set, index, dice));

/** A caption of a picture, another one at every call. */
export function captionOf(set: PictureSet, index: number, dice: Dice): string {
  const record = set.records[index]!;
  return sampleCaption(record, set.concepts.get(record.concept)!, dice);
}

/** CLIP's text encoder, which is not trained. */
export function captionEncoder(tf: TensorFlow, { clip, weights }: FrozenText): (captions: Captions) => EncodedCaptions {
  const encode = clipText(new TfjsOps(tf), weights, clip.text);
  return ({ ids, masks }) => {
    const { length, ...inputs } = textInputs(tf, ids, clip.text);
    const { hidden, embedding } = encode(inputs);
    const mask = masks.map((row) => row.slice(0, length));
    return {
      textEmbedding: embedding,
      textHidden: hidden,
      textMask: tf.tensor2d(mask, [masks.length, length]),
    };
  };
}
