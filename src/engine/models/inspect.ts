import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { InputError } from '../../errors.ts';
import { parseSchedulerConfig } from '../diffusion/scheduler-config.ts';
import { imageProcessorFromConfig } from '../images/clip-image-processor.ts';
import { loadTokenizer } from '../networks/tokenizer.ts';
import { OWN_FOLDERS } from '../pipeline/kandinsky-folder.ts';
import { findPipelines, PIPELINES, type Pipeline, readConfig } from '../pipeline/model-folder.ts';
import { KNOWN_NETWORKS, type KnownNetwork } from '../runtime/known-networks.ts';
import { type Abilities, abilitiesOf } from './abilities.ts';

/** One component of a model folder; what can't be read is null, and `problem` says why. */
export interface ComponentReport {
  /** Its folder, relative to the model's. */
  readonly name: string;
  readonly class: string;
  readonly parameters: number | null;
  /** Such as `float16`, or `float16 + float32`. */
  readonly precision: string | null;
  /** Of its weights on disk. */
  readonly bytes: number | null;
  /** What it makes of what. */
  readonly does: string | null;
  readonly problem: string | null;
}

export interface ModelReport {
  readonly name: string;
  /** Classes of model_index.json. */
  readonly pipelines: readonly string[];
  readonly components: readonly ComponentReport[];
  /** Null where it can't draw: `problem` says why. */
  readonly can: Abilities | null;
  readonly problem: string | null;
}

/**
 * Reads all configs and weight headers of a model folder, whatever of the family it holds, and no weights.
 * @throws InputError where there is no such folder, or none of the family
 */
export async function inspectModel(path: string): Promise<ModelReport> {
  const dir = resolve(path);
  const pipelines = await findPipelines(dir);
  const components: ComponentReport[] = [];
  for (const pipeline of pipelines) components.push(...(await inspectPipeline(pipeline, dir)));
  const seesPictures = components.some(({ class: name }) => name === KNOWN_NETWORKS.image_encoder.className);
  const abilities = await orProblem(() => abilitiesOf(dir, seesPictures));
  return {
    name: basename(dir),
    pipelines: pipelines.map(({ className }) => className),
    components,
    can: abilities.found,
    problem: abilities.problem,
  };
}

async function inspectPipeline(pipeline: Pipeline, root: string): Promise<ComponentReport[]> {
  const isCombined = PIPELINES.kandinsky.includes(pipeline.className);
  const reports: ComponentReport[] = [];
  for (const [name, className] of componentsOf(pipeline)) {
    const dir = join(pipeline.dir, name);
    const { found, problem } = await orProblem(() => inspectComponent(dir, className, roleOf(name, isCombined)));
    const unknown = { parameters: null, precision: null, bytes: null, does: null };
    reports.push({ name: dir.slice(root.length + 1), class: className, ...(found ?? unknown), problem });
  }
  return reports;
}

/** Name and class of the components that model_index.json names, and of those that models trained here have besides. */
function componentsOf({ dir, index }: Pipeline): [string, string][] {
  const named = Object.entries(index).flatMap(([name, entry]): [string, string][] =>
    Array.isArray(entry) && typeof entry[1] === 'string' ? [[name, entry[1]]] : [],
  );
  const own = Object.values(OWN_FOLDERS).filter((name) => existsSync(join(dir, name)));
  return [...named, ...own.map((name): [string, string] => [name, KNOWN_NETWORKS[name].className])];
}

/** In a combined folder the prior's components have a prefix. */
const roleOf = (name: string, isCombined: boolean) =>
  isCombined && !(name in KNOWN_NETWORKS) ? name.replace(/^prior_/, '') : name;

type Facts = Pick<ComponentReport, 'parameters' | 'precision' | 'bytes' | 'does'>;

async function inspectComponent(dir: string, className: string, role: string): Promise<Facts> {
  if (!existsSync(dir)) throw new InputError(`${dir} is missing: model_index.json names it`);
  if (role in KNOWN_NETWORKS) return inspectNetwork(dir, KNOWN_NETWORKS[role as keyof typeof KNOWN_NETWORKS]);
  return { parameters: null, precision: null, bytes: null, does: await describe(dir, className) };
}

async function inspectNetwork(dir: string, network: KnownNetwork): Promise<Facts> {
  const { parameters, tensors, does } = await network.check(dir);
  const sizes = parameters.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
  const precisions = new Set(parameters.map(({ dtype }) => PRECISIONS[dtype] ?? dtype));
  return {
    parameters: sizes.reduce((a, b) => a + b, 0),
    precision: [...precisions].sort().join(' + '),
    bytes: [...tensors.values()].reduce((sum, { length }) => sum + length, 0),
    does,
  };
}

const PRECISIONS: Readonly<Record<string, string>> = { F16: 'float16', BF16: 'bfloat16', F32: 'float32' };

async function describe(dir: string, className: string): Promise<string> {
  if (className.endsWith('Scheduler')) {
    const config = parseSchedulerConfig(...(await readConfig(dir, 'scheduler')));
    return `${config.num_train_timesteps} timesteps, ${config.beta_schedule}, the network predicts ${config.prediction_type}`;
  }
  if (className.startsWith('CLIPTokenizer')) return `text → ${(await loadTokenizer(dir)).maxLength} tokens`;
  if (className.startsWith('CLIP')) {
    imageProcessorFromConfig(...(await readConfig(dir, 'preprocessor')));
    return 'picture → what the image encoder sees';
  }
  return 'nothing here: not used';
}

async function orProblem<T>(read: () => Promise<T>): Promise<{ found: T | null; problem: string | null }> {
  try {
    return { found: await read(), problem: null };
  } catch (error) {
    if (error instanceof InputError) return { found: null, problem: error.message };
    throw error;
  }
}
