import { basename, resolve } from 'node:path';
import { z } from 'zod';
import { MAX_STEPS } from '../../recipe.ts';
import { CLIP_CLASSES } from './clip.ts';
import { Defaults } from './model.ts';
import { findPipelines, locate, locateOptional, ModelFolderError, PIPELINES, readDefaults } from './model-folder.ts';

const { tokenizer, text_encoder, image_encoder, image_processor } = CLIP_CLASSES;
const CLASSES = {
  tokenizer,
  text_encoder,
  text_proj: ['UnCLIPTextProjModel'],
  decoder: ['UNet2DConditionModel'],
  decoder_scheduler: 'any',
  super_res_first: ['UNet2DModel'],
  super_res_last: ['UNet2DModel'],
  super_res_scheduler: 'any',
} as const;
const PRIOR_CLASSES = { prior: ['PriorTransformer'], prior_scheduler: 'any' } as const;
const VISION_CLASSES = { image_encoder, feature_extractor: image_processor } as const;

const KarloDefaults = Defaults.extend({ upsamplerSteps: z.int().min(1).max(MAX_STEPS) });
export type KarloDefaults = z.infer<typeof KarloDefaults>;

/** What diffusers' pipelines do. */
const DEFAULTS: KarloDefaults = {
  steps: 25,
  guidanceScale: 8,
  priorSteps: 25,
  priorGuidanceScale: 4,
  upsamplerSteps: 7,
};

/**
 * Finds the components of a Karlo model in diffusers' layout: a folder with the pipeline, or one that holds such a
 * folder. A pipeline for image variations has no prior, one for texts may lack the image encoder.
 * @returns absolute folders of the components
 * @throws ModelFolderError naming what is missing or unknown
 */
export async function readKarloFolder(path: string) {
  const pipelines = (await findPipelines(path)).filter(({ className }) => PIPELINES.karlo.includes(className));
  const [pipeline, ...more] = pipelines;
  if (!pipeline || more.length > 0) {
    throw new ModelFolderError(
      `${path}: expected one folder with a ${PIPELINES.karlo.join(' or ')} in it, found ` +
        (pipelines.map(({ dir }) => dir).join(', ') || 'none'),
    );
  }
  const hasPrior = locateOptional(pipeline, 'prior', PRIOR_CLASSES.prior) !== undefined;
  const hasVision = locateOptional(pipeline, 'image_encoder', image_encoder) !== undefined;
  const vision = hasVision ? locate(pipeline, VISION_CLASSES) : undefined;
  return {
    name: basename(resolve(path)),
    components: locate(pipeline, CLASSES),
    prior: hasPrior ? locate(pipeline, PRIOR_CLASSES) : undefined,
    vision: vision && { image_encoder: vision.image_encoder, image_processor: vision.feature_extractor },
    defaults: await readDefaults(path, KarloDefaults, DEFAULTS),
  };
}
