import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { CLIP_CLASSES } from './clip.ts';
import { Defaults } from './model.ts';
import { findPipelines, locate, ModelFolderError, PIPELINES, type Pipeline, readDefaults } from './model-folder.ts';

const PRIOR_CLASSES = { ...CLIP_CLASSES, prior: ['PriorTransformer'], scheduler: 'any' } as const;
const DECODER_CLASSES = { unet: ['UNet2DConditionModel'], movq: ['VQModel'], scheduler: 'any' } as const;

/** What diffusers' pipelines do. */
const DEFAULTS: Defaults = { steps: 100, guidanceScale: 4, priorSteps: 25, priorGuidanceScale: 4 };

/**
 * Finds the components of a Kandinsky 2.2 model in diffusers' layout: one combined folder (`prior_*` beside `unet`,
 * `movq`), or a folder that holds a prior folder and a decoder folder.
 * @returns absolute folders of the components
 * @throws ModelFolderError naming what is missing or unknown
 */
export async function readKandinskyFolder(path: string) {
  const pipelines = await findPipelines(path);
  const combined = pipelines.find(({ className }) => PIPELINES.kandinsky.includes(className));
  const prior = combined ?? pick(path, pipelines, PIPELINES.kandinskyPrior, 'prior');
  const decoder = combined ?? pick(path, pipelines, PIPELINES.kandinskyDecoder, 'decoder');
  const { scheduler: prior_scheduler, ...priorFolders } = locate(prior, PRIOR_CLASSES, combined ? 'prior_' : '');
  return {
    name: basename(resolve(path)),
    components: { ...priorFolders, prior_scheduler, ...locate(decoder, DECODER_CLASSES) },
    own: ownFolders(prior.dir),
    defaults: await readDefaults(path, Defaults, DEFAULTS),
  };
}

/** What models that were trained here have besides, in folders that model_index.json doesn't name: diffusers' pipeline knows no such parts. */
export const OWN_FOLDERS = { arPrior: 'prior_ar', principalComponents: 'prior_pca', upsampler: 'upsampler' } as const;

function ownFolders(dir: string): { readonly [name in keyof typeof OWN_FOLDERS]?: string } {
  const folders = Object.entries(OWN_FOLDERS).map(([name, folder]) => [name, join(dir, folder)] as const);
  return Object.fromEntries(folders.filter(([, folder]) => existsSync(folder)));
}

function pick(path: string, pipelines: readonly Pipeline[], classes: readonly string[], role: string): Pipeline {
  const [found, ...more] = pipelines.filter(({ className }) => classes.includes(className));
  if (found && more.length === 0) return found;
  throw new ModelFolderError(
    `${path}: expected one folder with a ${role} (${classes.join(', ')}) in it, found ` +
      (found ? [found, ...more].map(({ dir }) => dir).join(', ') : 'none'),
  );
}
