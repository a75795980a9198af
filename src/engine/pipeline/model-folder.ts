import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { InputError } from '../../errors.ts';
import { MAX_GUIDANCE_SCALE, MAX_STEPS } from '../../recipe.ts';

/** A model folder that can't be used: the message names the file and what was expected. */
export class ModelFolderError extends InputError {
  override name = 'ModelFolderError';
}

/** The parts of Kandinsky 2.2, each with the classes that may stand in its place. */
const PRIOR_PARTS = {
  tokenizer: ['CLIPTokenizer', 'CLIPTokenizerFast'],
  text_encoder: ['CLIPTextModelWithProjection'],
  image_encoder: ['CLIPVisionModelWithProjection'],
  image_processor: ['CLIPImageProcessor', 'CLIPImageProcessorPil', 'CLIPImageProcessorFast'],
  prior: ['PriorTransformer'],
} as const;
const DECODER_PARTS = { unet: ['UNet2DConditionModel'], movq: ['VQModel'] } as const;

const PRIOR_PIPELINES = ['KandinskyV22PriorPipeline', 'KandinskyV22PriorEmb2EmbPipeline'];
const DECODER_PIPELINES = ['KandinskyV22Pipeline', 'KandinskyV22Img2ImgPipeline', 'KandinskyV22InpaintPipeline'];
const COMBINED_PIPELINES = [
  'KandinskyV22CombinedPipeline',
  'KandinskyV22Img2ImgCombinedPipeline',
  'KandinskyV22InpaintCombinedPipeline',
];

/** Settings for a request that names none. */
const Defaults = z.strictObject({
  steps: z.int().min(1).max(MAX_STEPS),
  guidanceScale: z.number().min(0).max(MAX_GUIDANCE_SCALE),
  priorSteps: z.int().min(1).max(MAX_STEPS),
  priorGuidanceScale: z.number().min(0).max(MAX_GUIDANCE_SCALE),
});
export type Defaults = z.infer<typeof Defaults>;

/** What diffusers' Kandinsky 2.2 pipelines do; a folder's `unclip.json` says otherwise. */
const KANDINSKY_DEFAULTS: Defaults = { steps: 100, guidanceScale: 4, priorSteps: 25, priorGuidanceScale: 4 };

type Component = keyof typeof PRIOR_PARTS | keyof typeof DECODER_PARTS | 'prior_scheduler' | 'scheduler';

export interface ModelFolder {
  /** Name of the folder: goes into recipes. */
  readonly name: string;
  /** Absolute folder of each component. */
  readonly components: Readonly<Record<Component, string>>;
  readonly defaults: Defaults;
}

/**
 * Finds the components of a Kandinsky 2.2 model in diffusers' layout: one combined folder (`prior_*` beside `unet`,
 * `movq`), or a folder that holds a prior folder and a decoder folder.
 *
 * @throws ModelFolderError naming what is missing or unknown
 */
export async function readModelFolder(path: string): Promise<ModelFolder> {
  const dir = resolve(path);
  const [prior, decoder] = await findPipelines(dir);
  const components = {
    ...(await locate(prior, PRIOR_PARTS)),
    ...(await locate(decoder, DECODER_PARTS)),
    prior_scheduler: await componentFolder(prior, 'scheduler'),
    scheduler: await componentFolder(decoder, 'scheduler'),
  };
  return { name: basename(dir), components, defaults: await readDefaults(dir) };
}

const ModelIndex = z.looseObject({ _class_name: z.string() });

/** A pipeline's folder, its model_index.json and what stands before its components' names there. */
interface Pipeline {
  readonly dir: string;
  readonly index: z.infer<typeof ModelIndex>;
  readonly prefix: string;
}

async function findPipelines(dir: string): Promise<[prior: Pipeline, decoder: Pipeline]> {
  if (!existsSync(dir)) throw new ModelFolderError(`model folder ${dir} does not exist`);
  if (existsSync(join(dir, 'model_index.json'))) {
    const index = await readIndex(dir);
    if (!COMBINED_PIPELINES.includes(index._class_name)) {
      throw new ModelFolderError(
        `${join(dir, 'model_index.json')}: _class_name: expected ${COMBINED_PIPELINES.join(' or ')}, found ${index._class_name}`,
      );
    }
    return [
      { dir, index, prefix: 'prior_' },
      { dir, index, prefix: '' },
    ];
  }
  const pipelines = await Promise.all(
    (await readdir(dir, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory() && existsSync(join(dir, entry.name, 'model_index.json')))
      .map(async ({ name }) => ({ dir: join(dir, name), index: await readIndex(join(dir, name)), prefix: '' })),
  );
  return [
    pickPipeline(dir, pipelines, PRIOR_PIPELINES, 'prior'),
    pickPipeline(dir, pipelines, DECODER_PIPELINES, 'decoder'),
  ];
}

function pickPipeline(dir: string, pipelines: Pipeline[], classes: string[], role: string): Pipeline {
  const found = pipelines.filter(({ index }) => classes.includes(index._class_name));
  if (found.length === 1) return found[0] as Pipeline;
  throw new ModelFolderError(
    `${dir}: expected a model_index.json in it, or one folder with a ${role} (${classes.join(', ')}) in it, found ` +
      (found.length === 0 ? 'none' : found.map((pipeline) => pipeline.dir).join(', ')),
  );
}

async function readIndex(dir: string): Promise<z.infer<typeof ModelIndex>> {
  return readJson(join(dir, 'model_index.json'), ModelIndex);
}

async function locate<Part extends string>(pipeline: Pipeline, parts: Record<Part, readonly string[]>) {
  const located = Object.entries<readonly string[]>(parts).map(async ([part, classes]) => [
    part,
    await componentFolder(pipeline, part, classes),
  ]);
  return Object.fromEntries(await Promise.all(located)) as Record<Part, string>;
}

/** The folder of a component; schedulers check their own class. */
async function componentFolder({ dir, index, prefix }: Pipeline, part: string, classes?: readonly string[]) {
  const name = prefix + part;
  const file = join(dir, 'model_index.json');
  const entry = z.tuple([z.string(), z.string()]).safeParse(index[name]);
  if (!entry.success) {
    throw new ModelFolderError(`${file}: ${name}: expected [library, class], found ${JSON.stringify(index[name])}`);
  }
  if (classes && !classes.includes(entry.data[1])) {
    throw new ModelFolderError(`${file}: ${name}: expected ${classes.join(' or ')}, found ${entry.data[1]}`);
  }
  const folder = join(dir, name);
  if (!existsSync(folder)) throw new ModelFolderError(`${folder} is missing: ${file} names it`);
  return folder;
}

async function readDefaults(dir: string): Promise<Defaults> {
  const file = join(dir, 'unclip.json');
  return existsSync(file) ? readJson(file, Defaults) : KANDINSKY_DEFAULTS;
}

async function readJson<S extends z.ZodType>(file: string, schema: S): Promise<z.infer<S>> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new ModelFolderError(`${file}: expected JSON: ${(error as Error).message}`);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw new ModelFolderError(`${file}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
