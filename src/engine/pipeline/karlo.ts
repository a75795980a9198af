import { type Scheduler, schedulerFromConfig } from '../diffusion/scheduler.ts';
import { openPrior } from '../runtime/networks/prior.ts';
import { openTextProjection, type TextProjection } from '../runtime/networks/text-projection.ts';
import {
  type KarloDecoder,
  openKarloDecoder,
  openSuperResolution,
  type SuperResolution,
} from '../runtime/networks/unets.ts';
import { batched } from './batch-rows.ts';
import { type Clip, openClip } from './clip.ts';
import { type KarloDefaults, readKarloFolder } from './karlo-folder.ts';
import type { ModelOptions } from './model.ts';
import { expectFit, expectHalvable, readConfig } from './model-folder.ts';
import type { PriorStage } from './sample-prior.ts';

/**
 * Karlo, the paper's own shape, opened: text → (CLIP text encoder) → z_t → (prior) → z_i → (decoder, which sees the
 * text too) → small picture → (upsampler) → picture.
 * Pictures drawn at the same time share the runs of prior, decoder and upsampler.
 */
export interface Karlo {
  /** Name of the folder. */
  readonly name: string;
  readonly defaults: KarloDefaults;
  readonly clip: Clip;
  /** Absent in a model for image variations. */
  readonly priorStage?: PriorStage;
  readonly textProjection: TextProjection;
  readonly decoder: KarloDecoder;
  readonly scheduler: Scheduler;
  /** The upsampler's network for all steps but the last. */
  readonly superResFirst: SuperResolution;
  readonly superResLast: SuperResolution;
  readonly superResScheduler: Scheduler;
  /** Width and height of what the decoder draws. */
  readonly smallSize: number;
  /** Width and height of what the upsampler makes of it. */
  readonly pictureSize: number;
  close(): Promise<void>;
}

/** Channels of a picture: Karlo draws pixels. */
const COLOURS = 3;

/** @throws InputError for a folder that is incomplete, damaged, of an unknown kind, or whose parts don't fit together */
export async function openKarlo(path: string, options: ModelOptions = {}): Promise<Karlo> {
  const { name, defaults, components, prior: priorFolders, vision } = await readKarloFolder(path);
  const scheduler = schedulerFromConfig(...(await readConfig(components.decoder_scheduler, 'scheduler')));
  const superResScheduler = schedulerFromConfig(...(await readConfig(components.super_res_scheduler, 'scheduler')));
  const textProjection = await openTextProjection(components.text_proj, options);
  const decoder = await openKarloDecoder(components.decoder, options);
  const superResFirst = await openSuperResolution(components.super_res_first, options);
  const superResLast = await openSuperResolution(components.super_res_last, options);
  const priorStage = priorFolders && (await openPriorStage(priorFolders, options));
  const width = textProjection.config.clip_embeddings_dim;
  if (priorStage) expectFit('prior: embedding_dim', priorStage.prior.config.embedding_dim, [width], 'text_proj');
  const tokens = priorStage?.prior.config.num_embeddings;
  const space = { width, tokens, component: priorStage ? 'prior' : 'text_proj' };
  const clip = await openClip({ ...components, ...vision }, space, options);
  expectDecoder(decoder, textProjection, scheduler);
  expectSuperResolution('super_res_first', superResFirst, superResScheduler);
  expectSuperResolution('super_res_last', superResLast, superResScheduler);
  const pictureSize = sideOf('super_res_first', superResFirst);
  expectFit('super_res_last: sample_size', superResLast.config.sample_size, [pictureSize], 'super_res_first');

  const { maxRows = 16 } = options;
  return {
    name,
    defaults,
    clip,
    priorStage: priorStage && { ...priorStage, prior: batched(priorStage.prior, maxRows) },
    textProjection,
    decoder: batched(decoder, maxRows),
    scheduler,
    superResFirst: batched(superResFirst, maxRows),
    superResLast: batched(superResLast, maxRows),
    superResScheduler,
    smallSize: sideOf('decoder', decoder),
    pictureSize,
    async close() {
      const parts = [clip, priorStage?.prior, textProjection, decoder, superResFirst, superResLast];
      await Promise.all(parts.map((part) => part?.close()));
    },
  };
}

async function openPriorStage(
  folders: { readonly prior: string; readonly prior_scheduler: string },
  options: ModelOptions,
): Promise<PriorStage> {
  const priorScheduler = schedulerFromConfig(...(await readConfig(folders.prior_scheduler, 'scheduler')));
  return { prior: await openPrior(folders.prior, options), priorScheduler };
}

function expectDecoder({ config }: KarloDecoder, textProjection: TextProjection, scheduler: Scheduler) {
  const { cross_attention_dim, time_embed_dim } = textProjection.config;
  expectFit('decoder: cross_attention_dim', config.cross_attention_dim, [cross_attention_dim], 'text_proj');
  const timeWidth = config.time_embedding_dim ?? 4 * config.block_out_channels[0]!;
  expectFit('text_proj: time_embed_dim', time_embed_dim, [timeWidth], 'decoder');
  expectFit('decoder: in_channels', config.in_channels, [COLOURS], 'a picture');
  expectFit('decoder: out_channels', config.out_channels, predicted(scheduler), 'decoder_scheduler');
}

/** It sees the noised picture and the enlarged one. */
function expectSuperResolution(name: string, { config }: SuperResolution, scheduler: Scheduler) {
  expectFit(`${name}: in_channels`, config.in_channels, [2 * COLOURS], 'a pair of pictures');
  expectFit(`${name}: out_channels`, config.out_channels, predicted(scheduler), 'super_res_scheduler');
}

const predicted = ({ learnsVariance }: Scheduler) => (learnsVariance ? [2 * COLOURS] : [COLOURS, 2 * COLOURS]);

const sideOf = (name: string, { config }: KarloDecoder | SuperResolution) =>
  expectHalvable(`${name}: sample_size`, config.sample_size, config.block_out_channels);
