import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Scheduler, schedulerFromConfig } from '../diffusion/scheduler.ts';
import { imageProcessorFromConfig } from '../images/clip-image-processor.ts';
import { composeOn, type Picture } from '../images/picture.ts';
import { loadTokenizer } from '../networks/tokenizer.ts';
import {
  type Movq,
  openClipText,
  openClipVision,
  openMovq,
  openPrior,
  openUnet,
  type Prior,
  type PriorInputs,
  type Unet,
  type UnetInputs,
} from '../runtime/open-networks.ts';
import type { RuntimeOptions } from '../runtime/runtime.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { batchRows } from './batch-rows.ts';
import { type Defaults, ModelFolderError, readModelFolder } from './model-folder.ts';

/** Text as the prior sees it, in R rows. */
export interface TextCondition {
  /** z_t, (R, D) */
  readonly textEmbedding: Tensor;
  /** (R, N, D) */
  readonly textHidden: Tensor;
  /** (R, N), 1 for tokens, 0 for padding */
  readonly textMask: Tensor;
}

/**
 * Kandinsky 2.2, opened: text → (CLIP text encoder) → z_t → (prior) → z_i → (U-Net) → latents → (MoVQ) → picture.
 * Pictures drawn at the same time share the runs of prior and U-Net.
 */
export interface Kandinsky {
  /** Name of the folder. */
  readonly name: string;
  readonly defaults: Defaults;
  readonly prior: Prior;
  readonly priorScheduler: Scheduler;
  readonly unet: Unet;
  readonly scheduler: Scheduler;
  readonly movq: Movq;
  /** Width and height of a picture when nothing else is asked for, in pixels. */
  readonly pictureSize: number;
  /** Pixels to a side of a latent: 2^(levels of the MoVQ − 1). */
  readonly movqScale: number;
  /** One row a text. */
  encodeTexts(texts: readonly string[]): Promise<TextCondition>;
  /** The end of a text that the text encoder doesn't see because it is too long; undefined where all of it fits. */
  overflow(text: string): string | undefined;
  /** z_i of a picture, composed on white, (1, E). */
  embedPicture(picture: Picture): Promise<Tensor>;
  /** z_i of already preprocessed pixels, (B, 3, S, S) → (B, E). */
  embedPixels(pixels: Tensor): Promise<Tensor>;
  /** z_i of a picture whose preprocessed pixels are all zero, (1, E): what Kandinsky's decoder is guided away from. */
  zeroEmbedding(): Promise<Tensor>;
  close(): Promise<void>;
}

export interface KandinskyOptions extends RuntimeOptions {
  /** Rows in one run of prior or U-Net, 16 when absent; a picture under guidance has two. */
  readonly maxRows?: number;
}

/** @throws InputError for a folder that is incomplete, damaged, of an unknown kind, or whose parts don't fit together */
export async function openKandinsky(path: string, options: KandinskyOptions = {}): Promise<Kandinsky> {
  const { name, defaults, components } = await readModelFolder(path);
  const tokenizer = await loadTokenizer(components.tokenizer);
  const processPicture = imageProcessorFromConfig(...(await readConfig(components.image_processor, 'preprocessor')));
  const priorScheduler = schedulerFromConfig(...(await readConfig(components.prior_scheduler, 'scheduler')));
  const scheduler = schedulerFromConfig(...(await readConfig(components.scheduler, 'scheduler')));
  const textEncoder = await openClipText(components.text_encoder, options);
  const imageEncoder = await openClipVision(components.image_encoder, options);
  const prior = await openPrior(components.prior, options);
  const unet = await openUnet(components.unet, options);
  const movq = await openMovq(components.movq, options);

  const width = prior.config.embedding_dim;
  expectFit(path, 'text_encoder: projection_dim', width, textEncoder.config.projection_dim);
  expectFit(path, 'text_encoder: hidden_size', width, textEncoder.config.hidden_size);
  expectFit(path, 'tokenizer: model_max_length', prior.config.num_embeddings, tokenizer.maxLength);
  expectFit(path, 'image_encoder: projection_dim', width, imageEncoder.config.projection_dim);
  expectFit(path, 'unet: encoder_hid_dim', width, unet.config.encoder_hid_dim);

  const maxRows = options.maxRows ?? 16;
  const movqScale = 2 ** (movq.config.block_out_channels.length - 1);
  let zeroEmbedding: Promise<Tensor> | undefined;

  async function encodeTexts(texts: readonly string[]): Promise<TextCondition> {
    const encodings = texts.map((text) => tokenizer.encode(text));
    const { hidden, embedding } = await textEncoder.encode(encodings.map(({ ids }) => ids));
    const mask = Float32Array.from(encodings.flatMap(({ attentionMask }) => attentionMask));
    return {
      textEmbedding: embedding,
      textHidden: hidden,
      textMask: tensor(mask, [texts.length, tokenizer.maxLength]),
    };
  }

  return {
    name,
    defaults,
    prior: { ...prior, predict: batchRows((inputs: PriorInputs) => prior.predict(inputs), maxRows) },
    priorScheduler,
    unet: { ...unet, predict: batchRows((inputs: UnetInputs) => unet.predict(inputs), maxRows) },
    scheduler,
    movq,
    movqScale,
    pictureSize: (unet.config.sample_size ?? 64) * movqScale,
    encodeTexts,
    overflow: (text) => tokenizer.encode(text).overflow,
    embedPicture: (picture) => imageEncoder.encode(processPicture(composeOn(picture))),
    embedPixels: (pixels) => imageEncoder.encode(pixels),
    zeroEmbedding() {
      const size = imageEncoder.config.image_size;
      zeroEmbedding ??= imageEncoder.encode(tensor(new Float32Array(3 * size * size), [1, 3, size, size]));
      return zeroEmbedding;
    },
    async close() {
      await Promise.all([textEncoder, imageEncoder, prior, unet, movq].map((network) => network.close()));
    },
  };
}

async function readConfig(dir: string, kind: 'preprocessor' | 'scheduler'): Promise<[config: unknown, where: string]> {
  const file = join(dir, `${kind}_config.json`);
  try {
    return [JSON.parse(await readFile(file, 'utf8')), file];
  } catch (error) {
    throw new ModelFolderError(`${file}: expected a JSON file: ${(error as Error).message}`);
  }
}

function expectFit(path: string, key: string, expected: number, found: number | null) {
  if (found === expected) return;
  throw new ModelFolderError(`${path}: the parts don't fit together: ${key}: expected ${expected}, found ${found}`);
}
