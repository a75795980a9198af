import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { latentChannels } from '../networks/movq.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { writeSafetensors } from '../weights/safetensors.ts';
import { ATTRIBUTION, readAttributions } from './attributions.ts';
import { loadAverage } from './checkpoint.ts';
import type { PictureSet } from './data/picture-set.ts';
import { modelCard } from './model-card.ts';
import { openClipConfig, openMovqConfig, openPriorConfig, openUnetConfig } from './run-config.ts';
import type { Features } from './tasks/features.ts';
import { checkpointOf } from './tasks/frozen.ts';
import { DECODER_SCHEDULER, PRIOR_SCHEDULER } from './tasks/noising.ts';
import { openNormalisation } from './tasks/normalisation.ts';
import { tokenizerFolder } from './tasks/tokenizer.ts';

/** Version of diffusers whose classes and keys the folder is written for. */
const DIFFUSERS_VERSION = '0.42.1';
const WEIGHTS_OF = { diffusers: 'diffusion_pytorch_model.safetensors', transformers: 'model.safetensors' } as const;

/** What a model folder is drawn with, where a request names nothing else. */
const DEFAULTS = { steps: 20, guidanceScale: 3, priorSteps: 20, priorGuidanceScale: 3 };

interface Component {
  readonly library: keyof typeof WEIGHTS_OF;
  readonly className: string;
  /** Names what the folder has besides weights. */
  readonly configFile: string;
  readonly config: object;
  readonly weights?: ReadonlyMap<string, Tensor>;
}

/**
 * Writes the averaged weights of a runs folder as a model in diffusers' layout (KandinskyV22CombinedPipeline), which Python
 * diffusers opens as it is: float16, with model card and attribution.
 * @param data the folder of the data set
 * @throws InputError where a part has not been trained
 */
export async function exportModel(
  dir: string,
  { runs, data }: { readonly runs: string; readonly data: string },
  dataset: PictureSet,
  features: Features,
): Promise<void> {
  const components = await collectComponents(runs, dataset, features);
  for (const [name, component] of Object.entries(components)) await writeComponent(join(dir, name), component);
  await cp(tokenizerFolder(runs), join(dir, 'prior_tokenizer'), { recursive: true });
  await writeJson(join(dir, 'model_index.json'), {
    _class_name: 'KandinskyV22CombinedPipeline',
    _diffusers_version: DIFFUSERS_VERSION,
    ...Object.fromEntries(
      Object.entries(components).map(([name, { library, className }]) => [name, [library, className]]),
    ),
    prior_tokenizer: ['transformers', 'CLIPTokenizer'],
  });
  await writeJson(join(dir, 'unclip.json'), DEFAULTS);
  const works = await readAttributions(runs, data);
  if (works) await writeFile(join(dir, ATTRIBUTION), works);
  await writeFile(join(dir, 'README.md'), await modelCard(runs, dataset));
}

async function collectComponents(
  runs: string,
  dataset: PictureSet,
  features: Features,
): Promise<Record<string, Component>> {
  const average = (part: string) => loadAverage(checkpointOf(runs, part));
  const movq = await openMovqConfig(runs);
  const config = await openClipConfig(runs);
  const clip = await average('clip');
  const ofClip = (...prefixes: string[]) =>
    new Map([...clip].filter(([name]) => prefixes.some((prefix) => name.startsWith(prefix))));
  const vision = ofClip('vision_model.', 'visual_projection.');
  const projection = vision.get('visual_projection.weight')!;
  // embeddings of unit variance, as decoder and prior have seen them
  vision.set('visual_projection.weight', { ...projection, data: projection.data.map((x) => x * features.scale) });
  const { mean, deviation } = await openNormalisation(runs, dataset, features);
  const codebook: [string, Tensor] = [
    'quantize.embedding.weight',
    tensor(new Float32Array(movq.num_vq_embeddings * latentChannels(movq)), [
      movq.num_vq_embeddings,
      latentChannels(movq),
    ]),
  ];

  return {
    movq: network('VQModel', movq, new Map([...(await average('movq')), codebook])),
    prior_image_encoder: encoder('CLIPVisionModelWithProjection', 'clip_vision_model', config.vision, vision),
    prior_image_processor: imageProcessor(config.vision.image_size),
    prior_prior: network(
      'PriorTransformer',
      await openPriorConfig(runs),
      new Map([...(await average('prior')), ['clip_mean', mean], ['clip_std', deviation]]),
    ),
    prior_scheduler: scheduler(PRIOR_SCHEDULER),
    prior_text_encoder: encoder(
      'CLIPTextModelWithProjection',
      'clip_text_model',
      config.text,
      ofClip('text_model.', 'text_projection.'),
    ),
    scheduler: scheduler(DECODER_SCHEDULER),
    unet: network('UNet2DConditionModel', await openUnetConfig(runs), await average('decoder')),
  };
}

const network = (className: string, config: object, weights: ReadonlyMap<string, Tensor>): Component => ({
  library: 'diffusers',
  className,
  configFile: 'config.json',
  config: { _class_name: className, _diffusers_version: DIFFUSERS_VERSION, ...config },
  weights,
});

const encoder = (
  className: string,
  modelType: string,
  config: object,
  weights: ReadonlyMap<string, Tensor>,
): Component => ({
  library: 'transformers',
  className,
  configFile: 'config.json',
  config: { architectures: [className], model_type: modelType, ...config },
  weights,
});

const scheduler = (config: { readonly _class_name: string }): Component => ({
  library: 'diffusers',
  className: config._class_name,
  configFile: 'scheduler_config.json',
  config: { _diffusers_version: DIFFUSERS_VERSION, ...config },
});

/** Shortest edge to `size`, bilinear, middle square, [−1, 1]: what CLIP saw in training. */
function imageProcessor(size: number): Component {
  const half = [0.5, 0.5, 0.5];
  return {
    library: 'transformers',
    className: 'CLIPImageProcessor',
    configFile: 'preprocessor_config.json',
    config: {
      image_processor_type: 'CLIPImageProcessor',
      ...{ do_convert_rgb: true, do_resize: true, size: { shortest_edge: size }, resample: 2 },
      ...{ do_center_crop: true, crop_size: { height: size, width: size } },
      ...{ do_rescale: true, rescale_factor: 1 / 255, do_normalize: true, image_mean: half, image_std: half },
    },
  };
}

async function writeComponent(dir: string, { library, configFile, config, weights }: Component): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeJson(join(dir, configFile), config);
  if (weights)
    await writeSafetensors(join(dir, WEIGHTS_OF[library]), weights, { dtype: 'F16', metadata: { format: 'pt' } });
}

const writeJson = (path: string, value: object) => writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
