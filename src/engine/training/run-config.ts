import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { InputError } from '../../errors.ts';
import { ArPriorConfig } from '../networks/ar-prior.ts';
import { ClassifierConfig } from '../networks/classifier.ts';
import { ClipVisionConfig } from '../networks/clip-vision.ts';
import { MovqConfig } from '../networks/movq.ts';
import { PriorConfig } from '../networks/prior.ts';
import { SuperResolutionConfig, UnetConfig } from '../networks/unet-config.ts';
import type { PrincipalComponents } from '../pca/components.ts';
import { parseConfig, parseJsonObject } from '../weights/config.ts';
import { writeJson } from '../weights/write-model.ts';
import { checkpointOf } from './checkpoint.ts';
import type { PictureSet } from './data/picture-set.ts';
import type { Part } from './part-names.ts';
import { replaceFile } from './replace-file.ts';
import { arPriorConfig } from './tasks/ar-prior.ts';
import { type ClassifierPart, classifierConfig } from './tasks/classifier.ts';
import { type ClipConfig, ClipConfig as ClipSchema, clipConfig, EMBEDDING_WIDTH } from './tasks/clip-encoders.ts';
import { unetConfig } from './tasks/decoder.ts';
import { movqConfig } from './tasks/movq.ts';
import { priorConfig } from './tasks/prior.ts';
import { TextDecoderConfig, textDecoderConfig } from './tasks/text-decoder.ts';
import { tokenizerFolder, vocabularySize } from './tasks/tokenizer.ts';
import { upsamplerConfig } from './tasks/upsampler.ts';

const configPath = (runs: string, part: string) => join(runs, part, 'config.json');

const SCHEMAS = {
  movq: MovqConfig,
  clip: ClipSchema,
  vision: ClipVisionConfig,
  decoder: UnetConfig,
  prior: PriorConfig,
  upsampler: SuperResolutionConfig,
  'ar-prior': ArPriorConfig,
  'text-decoder': TextDecoderConfig,
  teacher: ClassifierConfig,
  judge: ClassifierConfig,
} as const;
type Configured = keyof typeof SCHEMAS;
export const isConfigured = (part: Part): part is Configured => part in SCHEMAS;
type Config<P extends Configured> = z.infer<(typeof SCHEMAS)[P]>;

/** Sizes of the networks of a runs folder: what its config.json files say, else those of the bundled model. */
export const openMovqConfig = (runs: string): Promise<MovqConfig> =>
  open(runs, 'movq', async () => movqConfig([16, 32, 64, 128]));
export const openUnetConfig = (runs: string): Promise<UnetConfig> =>
  open(runs, 'decoder', async () => unetConfig([64, 128, 192], EMBEDDING_WIDTH));
export const openPriorConfig = (runs: string): Promise<PriorConfig> =>
  open(runs, 'prior', async () => priorConfig(await openClipConfig(runs)));

/** @throws InputError where it is of another vocabulary than the one that CLIP is to be trained with */
export async function openClipConfig(runs: string): Promise<ClipConfig> {
  const config = await open(runs, 'clip', async () => clipConfig(await vocabularySize(runs)));
  if (existsSync(checkpointOf(runs, 'clip'))) return config;
  const tokens = await vocabularySize(runs);
  if (config.text.vocab_size !== tokens)
    throw new InputError(
      `${configPath(runs, 'clip')} is of ${config.text.vocab_size} tokens, and ${tokenizerFolder(runs)} holds ${tokens}: delete the former, which is then written anew`,
    );
  return config;
}

/** @throws InputError where it gives embeddings of another width than CLIP's */
export async function openVisionConfig(runs: string): Promise<ClipVisionConfig> {
  const clip = await openClipConfig(runs);
  const config = await open(runs, 'vision', async () => clip.vision);
  const [width, ofClip] = [config.projection_dim, clip.vision.projection_dim];
  if (width !== ofClip)
    throw new InputError(
      `${configPath(runs, 'vision')}: "projection_dim" is ${width}, and CLIP's embeddings are ${ofClip} wide: it must be the same`,
    );
  return config;
}

/** CLIP's as an export has it: its encoder of pictures is that of `vision` where there is one. */
export async function openExportedClipConfig(runs: string): Promise<ClipConfig> {
  const config = await openClipConfig(runs);
  return existsSync(checkpointOf(runs, 'vision')) ? { ...config, vision: await openVisionConfig(runs) } : config;
}

export const openUpsamplerConfig = (runs: string): Promise<SuperResolutionConfig> =>
  open(runs, 'upsampler', async () => upsamplerConfig([16, 24, 32, 32]));

export const openArPriorConfig = (runs: string, components: PrincipalComponents): Promise<ArPriorConfig> =>
  open(runs, 'ar-prior', async () => arPriorConfig(await openClipConfig(runs), components));

export const openTextDecoderConfig = (runs: string): Promise<TextDecoderConfig> =>
  open(runs, 'text-decoder', async () => {
    const { block_out_channels } = await openUnetConfig(runs);
    return textDecoderConfig(block_out_channels, await openClipConfig(runs));
  });

/** A classifier of a data set's pictures; what it tells apart stays what it was at the first step. */
export const openClassifierConfig = (
  runs: string,
  part: ClassifierPart,
  dataset: PictureSet,
): Promise<ClassifierConfig> =>
  open(runs, part, async () => ({
    _class_name: part === 'judge' ? 'Judge' : 'Teacher',
    ...classifierConfig(part, dataset),
  }));

/** A run's config.json as it is; undefined where there is none yet. @throws ConfigError */
export const readRunConfig = async <P extends Configured>(runs: string, part: P): Promise<Config<P> | undefined> =>
  existsSync(configPath(runs, part)) ? read(runs, part) : undefined;

/** A run's config.json; it's written where there is none. */
async function open<P extends Configured>(runs: string, part: P, preset: () => Promise<Config<P>>): Promise<Config<P>> {
  if (!existsSync(configPath(runs, part))) await writeRunConfig(runs, part, (await preset()) as object);
  return read(runs, part);
}

async function read<P extends Configured>(runs: string, part: P): Promise<Config<P>> {
  const path = configPath(runs, part);
  return parseConfig(SCHEMAS[part], parseJsonObject(await readFile(path, 'utf8'), path), path) as Config<P>;
}

export async function writeRunConfig(runs: string, part: string, config: object): Promise<void> {
  await mkdir(join(runs, part), { recursive: true });
  await replaceFile(configPath(runs, part), (partial) => writeJson(partial, config));
}
