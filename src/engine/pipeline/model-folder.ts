import { existsSync, statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import JSON5 from 'json5';
import { z } from 'zod';
import { InputError } from '../../errors.ts';

/** A model folder that can't be used: the message names the file and what was expected. */
export class ModelFolderError extends InputError {
  override name = 'ModelFolderError';
}

const ModelIndex = z.looseObject({ _class_name: z.string() });

/** A folder that diffusers saved a pipeline to: `model_index.json`, and a folder for each component it names. */
export interface Pipeline {
  readonly dir: string;
  readonly className: string;
  /** Entries of model_index.json: [library, class] for each component. */
  readonly index: Readonly<Record<string, unknown>>;
}

/** The pipelines of the family, by what they hold. */
export const PIPELINES = {
  /** Prior and decoder of Kandinsky 2.2 in one folder. */
  kandinsky: [
    'KandinskyV22CombinedPipeline',
    'KandinskyV22Img2ImgCombinedPipeline',
    'KandinskyV22InpaintCombinedPipeline',
  ],
  kandinskyPrior: ['KandinskyV22PriorPipeline', 'KandinskyV22PriorEmb2EmbPipeline'],
  kandinskyDecoder: ['KandinskyV22Pipeline', 'KandinskyV22Img2ImgPipeline', 'KandinskyV22InpaintPipeline'],
  karlo: ['UnCLIPPipeline', 'UnCLIPImageVariationPipeline'],
};
const CLASS_NAMES = Object.values(PIPELINES).flat();

/**
 * The pipeline that lies in a folder, or all of the family that lie in its folders: at least one.
 * @throws ModelFolderError when there is none, or a model_index.json is damaged or of another class
 */
export async function findPipelines(path: string): Promise<Pipeline[]> {
  const dir = resolve(path);
  if (!existsSync(dir)) throw new ModelFolderError(`model folder ${dir} does not exist`);
  if (!statSync(dir).isDirectory()) throw new ModelFolderError(`${dir}: expected a model folder, found a file`);
  const folders = existsSync(join(dir, 'model_index.json')) ? [dir] : await foldersWithIndex(dir);
  const pipelines = await Promise.all(folders.map(readPipeline));
  const known = pipelines.filter(({ className }) => CLASS_NAMES.includes(className));
  if (known.length > 0) return known;
  const [unknown] = pipelines;
  throw new ModelFolderError(
    unknown
      ? `${unknown.dir}/model_index.json: _class_name: expected ${CLASS_NAMES.join(' or ')}, found ${unknown.className}`
      : `${dir}: expected a model_index.json in it, or folders with one: a prior and a decoder`,
  );
}

async function foldersWithIndex(dir: string): Promise<string[]> {
  const folders = (await readdir(dir)).map((name) => join(dir, name));
  return folders.filter((folder) => existsSync(join(folder, 'model_index.json')));
}

async function readPipeline(dir: string): Promise<Pipeline> {
  const { _class_name: className, ...index } = await readJson(join(dir, 'model_index.json'), ModelIndex);
  return { dir, className, index };
}

/** Classes that may stand for a component; those of schedulers are checked when their config is read. */
export type Classes = readonly string[] | 'any';

/**
 * Absolute folders of the components of a pipeline.
 * @param classes  those that are needed, by their name in model_index.json after `prefix`
 * @throws ModelFolderError naming the first that is missing or of another class
 */
export function locate<Name extends string>(
  pipeline: Pipeline,
  classes: Readonly<Record<Name, Classes>>,
  prefix = '',
): Record<Name, string> {
  const located = Object.entries<Classes>(classes).map(([name, allowed]) => {
    const folder = locateOptional(pipeline, prefix + name, allowed);
    if (folder) return [name, folder];
    const file = join(pipeline.dir, 'model_index.json');
    throw new ModelFolderError(`${file}: ${prefix + name}: expected [library, class], found nothing`);
  });
  return Object.fromEntries(located);
}

/** The folder of a component, undefined where the pipeline has none. @throws ModelFolderError */
export function locateOptional({ dir, index }: Pipeline, name: string, allowed: Classes): string | undefined {
  const file = join(dir, 'model_index.json');
  // diffusers writes [null, null] for a component that was left out.
  const entry = z.tuple([z.string(), z.string()]).nullish().catch(null).parse(index[name]);
  if (!entry) return undefined;
  if (allowed !== 'any' && !allowed.includes(entry[1])) {
    throw new ModelFolderError(`${file}: ${name}: expected ${allowed.join(' or ')}, found ${entry[1]}`);
  }
  const folder = join(dir, name);
  if (!existsSync(folder)) throw new ModelFolderError(`${folder} is missing: ${file} names it`);
  return folder;
}

/** `unclip.json` beside the components: settings for requests that name none, where they aren't the pipeline's own. */
export async function readDefaults<S extends z.ZodType>(path: string, schema: S, otherwise: z.infer<S>) {
  const file = join(resolve(path), 'unclip.json');
  return existsSync(file) ? readJson(file, schema) : otherwise;
}

/** A component's parsed config and its name for messages, as the functions that read it take them. */
export async function readConfig(dir: string, kind: 'preprocessor' | 'scheduler'): Promise<[unknown, string]> {
  const file = join(dir, `${kind}_config.json`);
  return [await readJson(file, z.unknown()), file];
}

/** JSON, with NaN and Infinity as Python writes them. */
async function readJson<S extends z.ZodType>(file: string, schema: S): Promise<z.infer<S>> {
  let json: unknown;
  try {
    json = JSON5.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new ModelFolderError(`${file}: expected JSON: ${(error as Error).message}`);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw new ModelFolderError(`${file}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/**
 * A key of one component's config has to agree with another component.
 * @param key       component and key, such as `text_encoder: projection_dim`
 * @param expected  one of these
 * @param fitting   the component that expects it
 * @throws ModelFolderError
 */
export function expectFit(key: string, found: number | null, expected: readonly number[], fitting: string): void {
  if (found !== null && expected.includes(found)) return;
  throw new ModelFolderError(
    `the parts don't fit together: ${key}: expected ${expected.join(' or ')} to fit ${fitting}, found ${found}`,
  );
}

/**
 * A network halves a picture between its blocks and joins it again at each size.
 * @param key     component and key, such as `decoder: sample_size`
 * @param blocks  of the network
 * @returns the size
 * @throws ModelFolderError
 */
export function expectHalvable(key: string, size: number | null, blocks: readonly unknown[]): number {
  const factor = 2 ** (blocks.length - 1);
  if (size !== null && size % factor === 0) return size;
  throw new ModelFolderError(`${key}: expected a multiple of ${factor}, found ${size}`);
}
