import { InputError } from '../../errors.ts';
import { imageProcessorFromConfig } from '../images/clip-image-processor.ts';
import type { Picture } from '../images/picture.ts';
import { loadTokenizer } from '../networks/tokenizer.ts';
import { openClipText, openClipVision } from '../runtime/networks/clip.ts';
import type { RuntimeOptions } from '../runtime/runtime.ts';
import { concatRows, type Tensor, tensor } from '../tensor.ts';
import { expectFit, readConfig } from './model-folder.ts';
import { rememberRecent } from './remember-recent.ts';

/** Text as prior and decoder see it, in R rows. */
export interface TextCondition {
  /** z_t, (R, D) */
  readonly textEmbedding: Tensor;
  /** (R, N, D) */
  readonly textHidden: Tensor;
  /** (R, N), 1 for tokens, 0 for padding */
  readonly textMask: Tensor;
}

/** CLIP, Radford et al. 2021: texts and pictures as vectors of one space. */
export interface Clip {
  /** One row a text. */
  encodeTexts(texts: readonly string[]): Promise<TextCondition>;
  /** The end of a text that the text encoder doesn't see because it is too long; undefined where all of it fits. */
  overflow(text: string): string | undefined;
  /** A picture, composed on white, as the image encoder sees it, (1, 3, S, S). @throws InputError without one */
  preprocess(picture: Picture): Tensor;
  /** Preprocessed pictures (B, 3, S, S) → z_i (B, E). */
  embedPixels(pixels: Tensor): Promise<Tensor>;
  /** z_i of a picture whose preprocessed pixels are all zero, (1, E): what Kandinsky's decoder is guided away from. */
  zeroEmbedding(): Promise<Tensor>;
  close(): Promise<void>;
}

/** Folders of the components; without the latter two no picture can be embedded. */
export interface ClipFolders {
  readonly tokenizer: string;
  readonly text_encoder: string;
  readonly image_encoder?: string;
  readonly image_processor?: string;
}

/** The space that other networks of the model expect. */
export interface ClipSpace {
  /** D */
  readonly width: number;
  /** N, where a network has a place for each token. */
  readonly tokens?: number;
  /** The component that says so, for messages. */
  readonly component: string;
}

/** The classes that a model_index.json may name for the components. */
export const CLIP_CLASSES = {
  tokenizer: ['CLIPTokenizer', 'CLIPTokenizerFast'],
  text_encoder: ['CLIPTextModelWithProjection'],
  image_encoder: ['CLIPVisionModelWithProjection'],
  image_processor: ['CLIPImageProcessor', 'CLIPImageProcessorPil', 'CLIPImageProcessorFast', 'CLIPFeatureExtractor'],
} as const satisfies Record<keyof ClipFolders, readonly string[]>;

/** Any square shows what size pictures come to. */
const SQUARE: Picture = { data: new Uint8Array(4), width: 1, height: 1 };

/** Texts whose encodings are kept: those of pictures being drawn, and the empty one. */
const REMEMBERED_TEXTS = 32;

/** @throws InputError for a component that is incomplete or damaged, or doesn't fit */
export async function openClip(folders: ClipFolders, space: ClipSpace, options: RuntimeOptions): Promise<Clip> {
  const texts = await openTexts(folders, space, options);
  const vision = await openVision(folders, space, options);
  const see = () => {
    if (vision) return vision;
    throw new InputError('this model has no image_encoder: it draws from texts, not from pictures');
  };
  return {
    encodeTexts: texts.encode,
    overflow: texts.overflow,
    preprocess: (picture) => see().preprocess(picture),
    embedPixels: (pixels) => see().encode(pixels),
    zeroEmbedding: () => see().zeroEmbedding(),
    async close() {
      await texts.close();
      await vision?.close();
    },
  };
}

async function openTexts(folders: ClipFolders, { width, tokens, component }: ClipSpace, options: RuntimeOptions) {
  const tokenizer = await loadTokenizer(folders.tokenizer);
  const encoder = await openClipText(folders.text_encoder, options);
  const { projection_dim, hidden_size, max_position_embeddings, vocab_size } = encoder.config;
  expectFit('text_encoder: projection_dim', projection_dim, [width], component);
  expectFit('text_encoder: hidden_size', hidden_size, [width], component);
  const { maxLength } = tokenizer;
  if (tokens !== undefined) expectFit('tokenizer: model_max_length', maxLength, [tokens], component);
  if (maxLength > max_position_embeddings) {
    expectFit('text_encoder: max_position_embeddings', max_position_embeddings, [maxLength], 'tokenizer');
  }

  const encode = rememberRecent(REMEMBERED_TEXTS, async (text: string): Promise<TextCondition> => {
    const { ids, attentionMask } = tokenizer.encode(text);
    const largest = Math.max(...ids);
    if (largest >= vocab_size) expectFit('text_encoder: vocab_size', vocab_size, [largest + 1], 'tokenizer');
    const { hidden, embedding } = await encoder.encode([ids]);
    const textMask = tensor(Float32Array.from(attentionMask), [1, maxLength]);
    return { textEmbedding: embedding, textHidden: hidden, textMask };
  });
  return {
    encode: async (texts: readonly string[]) => stackTexts(await Promise.all(texts.map(encode))),
    overflow: (text: string) => tokenizer.encode(text).overflow,
    close: () => encoder.close(),
  };
}

async function openVision(folders: ClipFolders, { width, component }: ClipSpace, options: RuntimeOptions) {
  if (!folders.image_encoder || !folders.image_processor) return undefined;
  const process = imageProcessorFromConfig(...(await readConfig(folders.image_processor, 'preprocessor')));
  const encoder = await openClipVision(folders.image_encoder, options);
  const { projection_dim, image_size } = encoder.config;
  expectFit('image_encoder: projection_dim', projection_dim, [width], component);
  const preprocess = (picture: Picture) => {
    const pixels = process(picture);
    for (const size of pixels.shape.slice(2)) {
      expectFit('image_encoder: image_size', image_size, [size], 'preprocessor_config.json');
    }
    return pixels;
  };
  preprocess(SQUARE);
  let zeroEmbedding: Promise<Tensor> | undefined;
  return {
    preprocess,
    encode: (pixels: Tensor) => encoder.encode(pixels),
    zeroEmbedding() {
      zeroEmbedding ??= encoder.encode(tensor(new Float32Array(3 * image_size ** 2), [1, 3, image_size, image_size]));
      return zeroEmbedding;
    },
    close: () => encoder.close(),
  };
}

/** Conditions below each other, in one of as many rows. */
export function stackTexts(parts: readonly TextCondition[]): TextCondition {
  return {
    textEmbedding: concatRows(parts.map((part) => part.textEmbedding)),
    textHidden: concatRows(parts.map((part) => part.textHidden)),
    textMask: concatRows(parts.map((part) => part.textMask)),
  };
}
