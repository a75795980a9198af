import { InputError } from '../../errors.ts';
import { type Scheduler, schedulerFromConfig } from '../diffusion/scheduler.ts';
import type { Picture } from '../images/picture.ts';
import { tensorFromPicture } from '../images/picture-tensor.ts';
import type { PrincipalComponents } from '../pca/components.ts';
import { openComponents } from '../pca/open-components.ts';
import { type Movq, openMovq } from '../runtime/networks/movq.ts';
import { openPrior, type Prior } from '../runtime/networks/prior.ts';
import { openSuperResolution, openUnet, type SuperResolution, type Unet } from '../runtime/networks/unets.ts';
import type { Tensor } from '../tensor.ts';
import { batched, batchRows } from './batch-rows.ts';
import { type Clip, openClip } from './clip.ts';
import { readKandinskyFolder } from './kandinsky-folder.ts';
import type { Defaults, ModelOptions } from './model.ts';
import { expectFit, expectHalvable, readConfig } from './model-folder.ts';
import { openArPriorStage } from './open-ar-prior.ts';
import type { ArPriorStage } from './sample-ar-prior.ts';

/**
 * Kandinsky 2.2, opened: text → (CLIP text encoder) → z_t → (prior) → z_i → (U-Net) → latents → (MoVQ) → picture.
 * Pictures drawn at the same time share the runs of prior, U-Net and MoVQ's decoder.
 */
export interface Kandinsky {
  /** Name of the folder. */
  readonly name: string;
  readonly defaults: Defaults;
  readonly clip: Clip;
  readonly prior: Prior;
  readonly priorScheduler: Scheduler;
  /** Absent in models that were not trained here. */
  readonly arPrior?: ArPriorStage;
  /** Of image embeddings. Absent in models that were not trained here. */
  readonly principalComponents?: PrincipalComponents;
  /** Absent in models that were not trained here. */
  readonly upsampler?: SuperResolution | undefined;
  readonly unet: Unet;
  readonly scheduler: Scheduler;
  readonly movq: Movq;
  /** Width and height of a picture when nothing else is asked for, in pixels. */
  readonly pictureSize: number;
  /** Pixels to a side of a latent: 2^(levels of the MoVQ − 1). */
  readonly movqScale: number;
  close(): Promise<void>;
}

/** Pictures in one run of MoVQ's decoder, which needs far more memory for each than the U-Net. */
const MAX_DECODED = 4;

/** @throws InputError for a folder that is incomplete, damaged, of an unknown kind, or whose parts don't fit together */
export async function openKandinsky(path: string, options: ModelOptions = {}): Promise<Kandinsky> {
  const { name, defaults, components, own } = await readKandinskyFolder(path);
  const priorScheduler = schedulerFromConfig(...(await readConfig(components.prior_scheduler, 'scheduler')));
  const scheduler = schedulerFromConfig(...(await readConfig(components.scheduler, 'scheduler')));
  const prior = await openPrior(components.prior, options);
  const unet = await openUnet(components.unet, options);
  const movq = await openMovq(components.movq, options);
  const { embedding_dim: width, num_embeddings: tokens } = prior.config;
  const clip = await openClip(components, { width, tokens, component: 'prior' }, options);
  expectFit('unet: encoder_hid_dim', unet.config.encoder_hid_dim, [width], 'prior');
  expectLatents(unet, movq, scheduler);

  const { maxRows = 16 } = options;
  const principalComponents = own.principalComponents ? await openComponents(own.principalComponents) : undefined;
  if (principalComponents)
    expectFit('prior_pca: embedding_dim', principalComponents.mean.data.length, [width], 'prior');
  const arPrior = own.arPrior
    ? await openArPriorStage(own.arPrior, principalComponents, prior.config, { ...options, maxRows })
    : undefined;
  const upsampler = own.upsampler ? await openUpsampler(own.upsampler, movq, options) : undefined;
  const { sample_size: sampleSize, block_out_channels: blocks } = unet.config;
  const movqScale = 2 ** (movq.config.block_out_channels.length - 1);
  const decode = batchRows(({ latents }: { readonly latents: Tensor }) => movq.decode(latents), MAX_DECODED);
  return {
    name,
    defaults,
    clip,
    prior: batched(prior, maxRows),
    priorScheduler,
    principalComponents,
    arPrior,
    upsampler,
    unet: batched(unet, maxRows),
    scheduler,
    movq: { ...movq, decode: (latents) => decode({ latents }) },
    movqScale,
    pictureSize: movqScale * expectHalvable('unet: sample_size', sampleSize ?? 64, blocks),
    async close() {
      await Promise.all([clip, prior, arPrior?.network, upsampler, unet, movq].map((part) => part?.close()));
    },
  };
}

/** Does the U-Net see, as further channels, what is kept of a picture? Without, only the sampler keeps it. */
export const isForInpainting = ({ unet, movq }: Kandinsky) => unet.config.in_channels > movq.config.latent_channels;

async function openUpsampler(folder: string, { config }: Movq, options: ModelOptions): Promise<SuperResolution> {
  const upsampler = await openSuperResolution(folder, options);
  const { in_channels, out_channels } = upsampler.config;
  expectFit('upsampler: in_channels', in_channels, [2 * config.out_channels], 'movq');
  expectFit('upsampler: out_channels', out_channels, [config.out_channels], 'movq');
  return upsampler;
}

function expectLatents(unet: Unet, movq: Movq, scheduler: Scheduler) {
  const channels = movq.config.latent_channels;
  expectFit('unet: in_channels', unet.config.in_channels, [channels, 2 * channels + 1], 'movq');
  const predicted = scheduler.learnsVariance ? [2 * channels] : [channels, 2 * channels];
  expectFit('unet: out_channels', unet.config.out_channels, predicted, scheduler.learnsVariance ? 'scheduler' : 'movq');
  for (const key of ['in_channels', 'out_channels'] as const)
    expectFit(`movq: ${key}`, movq.config[key], [3, 4], 'a picture');
}

/**
 * A picture as latents, to be changed: (1, C, H/s, W/s), s = `movqScale`.
 * @throws InputError for sizes that the networks can't halve as often as they do
 */
export function encodePicture(model: Kandinsky, picture: Picture, height: number, width: number): Promise<Tensor> {
  const { movq, movqScale, unet } = model;
  const factor = movqScale * 2 ** (unet.config.block_out_channels.length - 1);
  if (height % factor !== 0 || width % factor !== 0) {
    throw new InputError(`width and height must be multiples of ${factor}, not ${width} × ${height}`);
  }
  return movq.encode(tensorFromPicture(picture, movq.config.in_channels, height, width));
}
