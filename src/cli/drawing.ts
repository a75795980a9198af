import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { loadConfig } from '../config.ts';
import { encodePng, pictureFromTensor } from '../engine/images/encode-picture.ts';
import { encodeSeries, extensionOf, SERIES_FORMATS } from '../engine/images/encode-series.ts';
import { draw, type Timings } from '../engine/pipeline/draw.ts';
import type { Model } from '../engine/pipeline/model.ts';
import { openModel } from '../engine/pipeline/open-model.ts';
import { type PictureFile, plan } from '../engine/pipeline/plan.ts';
import { reconstructionError } from '../engine/pipeline/reconstruction-error.ts';
import { choosePrecision, PRECISIONS, type Precision } from '../engine/quantisation/precision.ts';
import { chooseProvider } from '../engine/runtime/provider.ts';
import { lanesFor } from '../engine/runtime/runtime.ts';
import type { Tensor } from '../engine/tensor.ts';
import { InputError } from '../errors.ts';
import {
  MAX_COUNT,
  MAX_GUIDANCE_SCALE,
  MAX_PRIOR_SAMPLES,
  MAX_SIDE,
  MAX_STEPS,
  PRIORS,
  pictureNames,
  type Recipe,
  SAMPLERS,
} from '../recipe.ts';
import { SeededSettings, taskSchema } from '../task.ts';
import { decimal, parse, seed } from '../typed-settings.ts';
import { withOutFolder } from './out-folder.ts';
import { createStageBar } from './progress-bar.ts';

/** Options of commands that draw. */
export interface DrawingOptions {
  readonly model?: string;
  readonly precision?: Precision;
  readonly seed?: string;
  readonly steps?: string;
  readonly guidance?: string;
  readonly priorGuidance?: string;
  readonly prior?: string;
  readonly priorSamples?: string;
  readonly guidanceRescale?: string;
  readonly dynamicThresholding?: string;
  readonly negative?: string;
  readonly sampler?: string;
  readonly eta?: string;
  readonly width?: string;
  readonly height?: string;
  readonly count?: string;
  readonly as: string;
  readonly out: string;
  readonly json?: boolean;
}

/** A command that takes the settings of a picture that was drawn earlier. */
export function picturesCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--model <dir>', 'model folder (default: MODEL_DIR, or the bundled model)')
    .addOption(
      new Option('--precision <name>', 'what the networks compute in (default: ENGINE_PRECISION, or auto)').choices(
        PRECISIONS,
      ),
    )
    .option('--out <dir>', 'folder for the files', 'out')
    .option('--json', 'print one JSON object: pictures, timings in seconds, settings');
}

/** Options that only some commands take: for the others they would change nothing. */
const GROUPS = {
  /** Where pictures differ by their seed alone. */
  count: (command: Command) =>
    command.option('--count <n>', `how many pictures, 1 to ${MAX_COUNT}, each with the next seed`, String(MAX_COUNT)),
  /** Where a prior draws z_i of words. */
  prior: (command: Command) =>
    command
      .option('--prior-guidance <g>', `guidance scale of the prior, 0 to ${MAX_GUIDANCE_SCALE} (default: the model's)`)
      .option('--prior <name>', `what makes an embedding of the text, one of ${PRIORS.join(', ')} (default: diffusion)`)
      .option(
        '--prior-samples <n>',
        `draw so many embeddings, 1 to ${MAX_PRIOR_SAMPLES}, and take the one nearest to the text (default: 1)`,
      ),
  /** Where there is guidance unless told otherwise. */
  negative: (command: Command) => command.option('--negative <text>', 'what to keep out of the pictures'),
  /** Where Karlo can draw. */
  thresholding: (command: Command) =>
    command.option('--dynamic-thresholding <q>', 'quantile of pixels at full contrast, such as 0.995 (Karlo)'),
};

/**
 * A command whose pictures the decoder draws.
 * @param takes  more options than the decoder's own
 * @param as     the form of its pictures, unless another is asked for
 */
export function drawingCommand(
  name: string,
  description: string,
  takes: readonly (keyof typeof GROUPS)[],
  as: z.infer<typeof Form> = 'png',
): Command {
  const command = picturesCommand(name, description)
    .option('--seed <n>', 'seed of the noise (default: random)')
    .option('--steps <n>', `denoising steps of the decoder, 1 to ${MAX_STEPS} (default: the model's)`)
    .option(
      '--guidance <g>',
      `guidance scale of the decoder, 0 to ${MAX_GUIDANCE_SCALE}, 1 is none (default: the model's)`,
    )
    .option('--guidance-rescale <φ>', 'scale guidance back to the contrast without it, 0 to 1 (default: 0)')
    .option('--sampler <name>', `one of ${SAMPLERS.join(', ')} (default: the model's)`)
    .option('--eta <η>', 'randomness of ddim, 0 to 1 (default: 0)')
    .option('--width <pixels>', `8 to ${MAX_SIDE} (default: the model's)`)
    .option('--height <pixels>', `8 to ${MAX_SIDE} (default: the model's)`)
    .option('--as <form>', 'png: a file for each picture; strip, gif, webp: one for all', as);
  for (const group of takes) GROUPS[group](command);
  return command;
}

/** @throws InputError with all that is wrong */
export function settingsFrom(options: DrawingOptions): SeededSettings {
  return parse(SeededSettings, {
    seed: seed(options.seed),
    steps: decimal(options.steps),
    guidanceScale: decimal(options.guidance),
    priorGuidanceScale: decimal(options.priorGuidance),
    prior: options.prior,
    priorSamples: decimal(options.priorSamples),
    guidanceRescale: decimal(options.guidanceRescale),
    dynamicThresholding: decimal(options.dynamicThresholding),
    sampler: options.sampler,
    eta: decimal(options.eta),
    width: decimal(options.width),
    height: decimal(options.height),
    count: decimal(options.count),
  });
}

/** For an option that may be given several times. */
export function collect(value: string, values: readonly string[] = []): string[] {
  return [...values, value];
}

const UNREADABLE: Record<string, string> = {
  ENOENT: 'there is no such file',
  EISDIR: 'found a folder',
  EACCES: 'may not read it',
};

/** @param option  as typed, for messages @throws InputError */
export async function readPicture(file: string, option: string): Promise<PictureFile> {
  try {
    return { name: file, bytes: await readFile(file) };
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new InputError(
      `${option} ${file}: expected a picture file, ${UNREADABLE[code] ?? `can't read it (${code})`}`,
    );
  }
}

/**
 * Opens the model, draws, writes the files, and prints what was drawn.
 * @throws InputError for a task that is none, or one that the model can't follow
 */
export async function drawAndSave(asked: unknown, options: DrawingOptions): Promise<void> {
  const task = parse(FileTask, asked);
  const as = parse(Form, options.as);
  await withOutFolder(options.out, () => drawInto(options.out, task, as, options));
}

async function drawInto(
  folder: string,
  task: z.output<typeof FileTask>,
  as: z.infer<typeof Form>,
  options: DrawingOptions,
): Promise<void> {
  const config = loadConfig();
  const start = performance.now();
  const modelDir = options.model ?? config.modelDir;
  const { precision } = await choosePrecision(modelDir, options.precision ?? config.enginePrecision);
  const { executionProviders } = await chooseProvider(config.engineProvider);
  const { engineThreads: threads } = config;
  const model = await openModel(modelDir, { threads, lanes: lanesFor(threads), executionProviders, precision });
  const load = (performance.now() - start) / 1000;
  // the steps of all pictures together
  const bar = createStageBar('{stage} {bar} {percentage} % · {value} of {total} steps', 'inversion');
  try {
    const { recipes, reconstructed, drawn } = await plan(model, task, {
      onInversion: ({ steps }) => bar.at('inversion', steps).increment(),
    });
    tellUnread(model, recipes);
    const { images, timings } = await draw(model, recipes, {
      onStep: ({ stage, steps }) => bar.at(stage, steps * recipes.length).increment(),
      drawn,
    });
    bar.stop();
    const errors = images.map((image, i) => {
      const picture = reconstructed?.[i];
      return picture && reconstructionError(image, picture);
    });
    const paths = await save(images, recipes, as, folder);
    if (options.json) console.log(JSON.stringify(summary(recipes, paths, errors, { load, ...timings })));
    else tell(recipes, paths, errors);
  } finally {
    bar.stop();
    await model.close();
  }
}

const FileTask = taskSchema(z.custom<PictureFile>());
const FORMS = ['png', ...SERIES_FORMATS] as const;
const Form = z.enum(FORMS, { error: ({ input }) => `--as must be one of ${FORMS.join(', ')}, not ${input}` });

function tellUnread(model: Model, [recipe]: readonly Recipe[]) {
  const unread = recipe?.prompt === undefined ? undefined : model.overflow(recipe.prompt);
  if (unread) process.stderr.write(`the prompt is too long for the model, not read: ${unread}\n`);
}

/** @returns a path for each picture, or one for all */
async function save(
  images: readonly Tensor[],
  recipes: readonly Recipe[],
  as: z.infer<typeof Form>,
  folder: string,
): Promise<string[]> {
  const pictures = images.map(pictureFromTensor);
  const names = pictureNames(recipes);
  const files =
    as === 'png'
      ? await Promise.all(
          pictures.map(async (picture, i) => [names[i]!, await encodePng(picture, recipes[i])] as const),
        )
      : [[withExtension(names[0]!, extensionOf(as)), await encodeSeries(pictures, as)] as const];
  return Promise.all(
    files.map(async ([name, bytes]) => {
      const path = join(folder, name);
      await writeFile(path, bytes);
      return path;
    }),
  );
}

function tell(recipes: readonly Recipe[], paths: readonly string[], errors: readonly (number | undefined)[]) {
  for (const path of paths) console.log(path);
  for (const [i, error] of errors.entries()) {
    if (error === undefined) continue;
    const which = recipes.length > 1 ? `picture ${i + 1}: ` : '';
    process.stderr.write(`${which}reconstruction error ${rounded(error)} of a pixel's range\n`);
  }
}

/** What `--json` prints. */
function summary(
  recipes: readonly Recipe[],
  paths: readonly string[],
  errors: readonly (number | undefined)[],
  timings: Timings & { load: number },
) {
  const images = recipes.map(({ seed, modification, dimensions }, i) => ({
    // of a strip or an animation, the one file
    path: paths[i] ?? paths[0],
    seed,
    ...(modification && { strength: modification.strength }),
    ...(dimensions !== undefined && { dimensions }),
    ...(errors[i] !== undefined && { reconstructionError: rounded(errors[i]) }),
  }));
  const seconds = Object.entries(timings).map(([stage, time]) => [stage, rounded(time)]);
  const {
    version: _,
    seed: __,
    imageEmbedding,
    start,
    origin,
    priorOrigin,
    kept,
    modification,
    dimensions,
    ...settings
  } = recipes[0]!;
  return {
    images,
    timings: Object.fromEntries(seconds),
    ...settings,
    ...(modification && { prompt: modification.prompt, from: modification.from }),
    ...(origin && { strength: origin.strength }),
    ...(priorOrigin && { priorStrength: priorOrigin.strength }),
  };
}

const rounded = (value: number) => Number(value.toFixed(3));
const withExtension = (name: string, extension: string) => name.replace(/\.png$/, `.${extension}`);
