import { existsSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../errors.ts';
import { latentChannels } from '../networks/movq.ts';
import { type Tensor, tensor } from '../tensor.ts';
import {
  type ComponentFiles,
  encoderFiles,
  imageProcessorFiles,
  networkFiles,
  schedulerFiles,
  TOKENIZER,
  writeJson,
  writeModel,
} from '../weights/write-model.ts';
import { ATTRIBUTION, readAttributions } from './attributions.ts';
import { checkRun } from './check-run.ts';
import { checkpointOf, loadAverage } from './checkpoint.ts';
import type { PictureSet } from './data/picture-set.ts';
import { DRAWING_SETTINGS } from './drawing-settings.ts';
import { loadFloat16 } from './expect-float16.ts';
import { expectSizes } from './expect-sizes.ts';
import { exportArPrior } from './export-ar-prior.ts';
import { exportUpsampler } from './export-upsampler.ts';
import { explainFullDisk } from './full-disk.ts';
import { historyOfRuns, writeHistory } from './history.ts';
import { findMisfits, type Misfit } from './learned-from.ts';
import { CARD, modelCard } from './model-card.ts';
import { BEGINS_AS, PARTS, type Part } from './part-names.ts';
import { replaceModel, requireModelPlace } from './replace-model.ts';
import { openExportedClipConfig, openMovqConfig, openPriorConfig, openUnetConfig } from './run-config.ts';
import type { Embeddings } from './tasks/features.ts';
import { loadClip, OF_CLIP } from './tasks/frozen.ts';
import { DECODER_SCHEDULER, PRIOR_SCHEDULER } from './tasks/noising.ts';
import { openNormalisation } from './tasks/normalisation.ts';
import { openRunTokenizer, tokenizerFolder } from './tasks/tokenizer.ts';
import { trainedOn, writeTrainedOn } from './trained-on.ts';

/** Runs that a model can take its decoder from. */
export const DECODERS = ['decoder', 'fine-tune'] as const;

export interface ExportOptions {
  readonly runs: string;
  /** Folder of the data set. */
  readonly data: string;
  readonly decoder?: (typeof DECODERS)[number];
  readonly say: (line: string) => void;
}

/**
 * Writes the averaged weights of a runs folder as a model in diffusers' layout (KandinskyV22CombinedPipeline), which Python
 * diffusers opens as it is: float16, with model card and attribution. It takes the place of a model that is in the folder.
 * @param openEmbeddings is called when it is known that all parts have been trained
 * @returns warnings, where a part has not been trained since one that it learns from became another
 * @throws InputError where a part has not been trained or has diverged, its weights are of other sizes than its config.json
 * says, or the folder holds something else than a model; the folder is then as it was
 */
export const exportModel = (
  dir: string,
  options: ExportOptions,
  dataset: PictureSet,
  openEmbeddings: () => Promise<Embeddings>,
): Promise<string[]> =>
  explainFullDisk(dir, async () => {
    requireTrained(options);
    await requireModelPlace(dir);
    const { runs, decoder = 'decoder' } = options;
    await openRunTokenizer(runs);
    const parts = ([...OF_CLIP, 'prior', decoder, 'ar-prior', 'upsampler'] as const).filter((part) =>
      existsSync(checkpointOf(runs, part)),
    );
    // before anything is computed with them
    for (const part of ['movq', 'clip', ...parts] as const) await loadFloat16(runs, part);
    const features = await openEmbeddings();
    const card = existsSync(join(dir, CARD)) ? await readFile(join(dir, CARD), 'utf8') : undefined;
    await replaceModel(dir, (folder) => writeParts(folder, options, dataset, features, card));
    return (await findMisfits(runs, parts)).map((misfit) => describe(misfit, options));
  });

/** What does not fit, and what mends it. */
function describe({ part, source, before, now }: Misfit, { runs, data }: ExportOptions): string {
  const at = (state: typeof now) => (state ? `at step ${state.step}` : 'not there');
  const train = trainCommand(part, { runs, data });
  const mend = BEGINS_AS[part] === source ? `delete ${join(runs, part)}, then ${train}` : train;
  return `${part} has not been trained since ${source} became another (${at(before)} then, ${at(now)} now): ${mend}`;
}

const trainCommand = (part: Part | 'all', { runs, data }: Pick<ExportOptions, 'runs' | 'data'>): string =>
  `npm run train -- ${part} --data ${data} --runs ${runs}`;

function requireTrained({ runs, data, decoder = 'decoder' }: ExportOptions): void {
  const parts = PARTS.map((part) => (part === 'decoder' ? decoder : part));
  const missing = parts.filter((part) => !existsSync(checkpointOf(runs, part)));
  if (missing.length > 0)
    throw new InputError(
      `${runs}: ${missing.join(', ')} ${missing.length > 1 ? 'have' : 'has'} not been trained there, which a model needs: ` +
        (missing.length === parts.length ? ['all' as const] : missing)
          .map((part) => trainCommand(part, { runs, data }))
          .join(', then '),
    );
}

async function writeParts(
  dir: string,
  { runs, data, decoder = 'decoder', say }: ExportOptions,
  dataset: PictureSet,
  features: Embeddings,
  before: string | undefined,
): Promise<void> {
  const components = await collectComponents(runs, decoder, dataset, features, say);
  await cp(tokenizerFolder(runs), join(dir, 'prior_tokenizer'), { recursive: true, dereference: true });
  await writeModel(dir, 'KandinskyV22CombinedPipeline', components, { dtype: 'F16' });
  await exportArPrior(dir, runs, dataset, features, say);
  await exportUpsampler(dir, runs);
  await writeJson(join(dir, 'unclip.json'), DRAWING_SETTINGS);
  const works = await readAttributions(runs, data);
  if (works) await writeFile(join(dir, ATTRIBUTION), works);
  const history = await historyOfRuns(runs, decoder);
  await writeHistory(dir, history);
  const dataSets = await trainedOn(runs, data, dataset);
  await writeTrainedOn(dir, dataSets);
  await writeFile(join(dir, CARD), modelCard(history, dataSets, before));
}

async function collectComponents(
  runs: string,
  decoder: (typeof DECODERS)[number],
  dataset: PictureSet,
  features: Embeddings,
  say: (line: string) => void,
): Promise<Record<string, ComponentFiles>> {
  const average = async (part: 'movq' | 'prior' | 'decoder', config: object, run: string = part) => {
    const weights = await loadAverage(checkpointOf(runs, run));
    expectSizes(runs, part, config, weights, run);
    return weights;
  };
  const movq = await openMovqConfig(runs);
  const prior = await openPriorConfig(runs);
  const unet = await openUnetConfig(runs);
  const config = await openExportedClipConfig(runs);
  await checkRun(runs, 'vision');
  const clip = await loadClip(runs);
  expectSizes(runs, 'clip', config, clip);
  const ofClip = (...prefixes: string[]) =>
    new Map([...clip].filter(([name]) => prefixes.some((prefix) => name.startsWith(prefix))));
  const vision = ofClip('vision_model.', 'visual_projection.');
  const projection = vision.get('visual_projection.weight')!;
  // embeddings of unit variance, as decoder and prior have seen them
  vision.set('visual_projection.weight', { ...projection, data: projection.data.map((x) => x * features.scale) });
  const { mean, deviation } = await openNormalisation(runs, dataset, features, say);
  const codebook: [string, Tensor] = [
    'quantize.embedding.weight',
    tensor(new Float32Array(movq.num_vq_embeddings * latentChannels(movq)), [
      movq.num_vq_embeddings,
      latentChannels(movq),
    ]),
  ];

  return {
    movq: networkFiles('VQModel', movq, new Map([...(await average('movq', movq)), codebook])),
    prior_image_encoder: encoderFiles('CLIPVisionModelWithProjection', 'clip_vision_model', config.vision, vision),
    prior_image_processor: imageProcessorFiles(clipPicture(config.vision.image_size)),
    prior_prior: networkFiles(
      'PriorTransformer',
      prior,
      new Map([...(await average('prior', prior)), ['clip_mean', mean], ['clip_std', deviation]]),
    ),
    prior_scheduler: schedulerFiles(PRIOR_SCHEDULER),
    prior_text_encoder: encoderFiles(
      'CLIPTextModelWithProjection',
      'clip_text_model',
      config.text,
      ofClip('text_model.', 'text_projection.'),
    ),
    prior_tokenizer: TOKENIZER,
    scheduler: schedulerFiles(DECODER_SCHEDULER),
    unet: networkFiles('UNet2DConditionModel', unet, await average('decoder', unet, decoder)),
  };
}

/** Shortest edge to `size`, bilinear, middle square, [−1, 1]: what CLIP saw in training. */
function clipPicture(size: number) {
  const half = [0.5, 0.5, 0.5];
  return {
    ...{ do_convert_rgb: true, do_resize: true, size: { shortest_edge: size }, resample: 2 },
    ...{ do_center_crop: true, crop_size: { height: size, width: size } },
    ...{ do_rescale: true, rescale_factor: 1 / 255, do_normalize: true, image_mean: half, image_std: half },
  };
}
