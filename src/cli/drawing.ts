import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Presets, SingleBar } from 'cli-progress';
import { Command, Option } from 'commander';
import { loadConfig } from '../config.ts';
import type { StepReport } from '../engine/diffusion/sampler.ts';
import { encodePng, pictureFromTensor } from '../engine/images/encode-picture.ts';
import { draw, type Timings } from '../engine/pipeline/draw.ts';
import type { Model } from '../engine/pipeline/model.ts';
import { openModel } from '../engine/pipeline/open-model.ts';
import { type PictureFile, plan } from '../engine/pipeline/plan.ts';
import { choosePrecision, PRECISIONS, type Precision } from '../engine/quantisation/precision.ts';
import { InputError } from '../errors.ts';
import { MAX_COUNT, PRIORS, pictureNames, type Recipe, SAMPLERS } from '../recipe.ts';
import { SeededSettings, type Task } from '../task.ts';
import { decimal, parse, seed } from '../typed-settings.ts';

/** Options of every command that draws. */
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
  readonly sampler?: string;
  readonly eta?: string;
  readonly width?: string;
  readonly height?: string;
  readonly count?: string;
  readonly out: string;
  readonly json?: boolean;
}

export function drawingCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--model <dir>', 'model folder (default: MODEL_DIR, or the bundled model)')
    .option('--seed <n>', 'seed of the first picture, the next ones count on (default: random)')
    .option('--steps <n>', "denoising steps of the decoder (default: the model's)")
    .option('--guidance <g>', "guidance scale of the decoder, 1 is none (default: the model's)")
    .option('--prior-guidance <g>', "guidance scale of the prior (default: the model's)")
    .option('--prior <name>', `what makes an embedding of the text, one of ${PRIORS.join(', ')} (default: diffusion)`)
    .option('--prior-samples <n>', 'draw so many embeddings and take the one nearest to the text (default: 1)')
    .option('--guidance-rescale <φ>', 'scale guidance back to the contrast without it, 0 to 1 (default: 0)')
    .option('--dynamic-thresholding <q>', 'quantile of pixels at full contrast, such as 0.995 (Karlo)')
    .option('--sampler <name>', `one of ${SAMPLERS.join(', ')} (default: the model's)`)
    .option('--eta <η>', 'randomness of ddim, 0 to 1 (default: 0)')
    .option('--width <pixels>', "(default: the model's)")
    .option('--height <pixels>', "(default: the model's)")
    .addOption(
      new Option('--precision <name>', 'what the networks compute in (default: ENGINE_PRECISION, or auto)').choices(
        PRECISIONS,
      ),
    )
    .option('--out <dir>', 'folder for the PNGs', 'out')
    .option('--json', 'print one JSON object: pictures, timings in seconds, settings');
}

/** How many pictures, for commands whose pictures differ by their seed alone. */
export function withCount(command: Command): Command {
  return command.option('--count <n>', 'how many pictures', String(MAX_COUNT));
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
export function collect(value: string, values: string[]): string[] {
  return [...values, value];
}

/** @param option  as typed, for messages @throws InputError */
export async function readPicture(file: string, option: string): Promise<PictureFile> {
  try {
    return { name: basename(file), bytes: await readFile(file) };
  } catch (error) {
    throw new InputError(`${option} ${file}: expected a picture file: ${(error as Error).message}`);
  }
}

/** Opens the model, draws, writes the PNGs, and prints what was drawn. */
export async function drawAndSave(task: Task<PictureFile>, options: DrawingOptions): Promise<void> {
  const config = loadConfig();
  const start = performance.now();
  const modelDir = options.model ?? config.modelDir;
  const { precision } = await choosePrecision(modelDir, options.precision ?? config.enginePrecision);
  const model = await openModel(modelDir, { threads: config.engineThreads, precision });
  const load = (performance.now() - start) / 1000;
  const bar = progressBar();
  try {
    const recipes = await plan(model, task, { onStep: (report) => bar.advance('inversion', report) });
    tellUnread(model, recipes);
    const { images, timings } = await draw(model, recipes, {
      onStep: ({ stage, steps }) => bar.advance(stage, { steps: steps * recipes.length }),
    });
    bar.stop();
    await mkdir(options.out, { recursive: true });
    const paths = pictureNames(recipes).map((name) => join(options.out, name));
    await Promise.all(
      images.map(async (image, i) => writeFile(paths[i]!, await encodePng(pictureFromTensor(image), recipes[i]))),
    );
    if (options.json) console.log(JSON.stringify(summary(recipes, paths, { load, ...timings })));
    else for (const path of paths) console.log(path);
  } finally {
    bar.stop();
    await model.close();
  }
}

function tellUnread(model: Model, [recipe]: readonly Recipe[]) {
  const unread = recipe?.prompt === undefined ? undefined : model.overflow(recipe.prompt);
  if (unread) process.stderr.write(`the prompt is too long for the model, not read: ${unread}\n`);
}

/** What `--json` prints. */
function summary(recipes: readonly Recipe[], paths: readonly string[], timings: Timings & { load: number }) {
  const {
    version: _,
    seed: __,
    imageEmbedding: ___,
    start: ____,
    modification,
    dimensions: ______,
    ...settings
  } = recipes[0]!;
  const images = recipes.map((recipe, i) => ({
    path: paths[i],
    seed: recipe.seed,
    ...(recipe.modification && { strength: recipe.modification.strength }),
    ...(recipe.dimensions !== undefined && { dimensions: recipe.dimensions }),
  }));
  const milliseconds = Object.entries(timings).map(([stage, seconds]) => [stage, Number(seconds.toFixed(3))]);
  const { strength: _____, ...changed } = modification ?? { strength: 0 };
  return { images, timings: Object.fromEntries(milliseconds), ...settings, ...changed };
}

/** On a terminal's stderr; the steps of all pictures together. */
function progressBar() {
  const format = '{stage} {bar} {percentage} % · {value} of {total} steps';
  const bar = new SingleBar({ format, hideCursor: true, clearOnComplete: true }, Presets.shades_classic);
  let shown = '';
  return {
    advance(stage: string, { steps }: Pick<StepReport, 'steps'>) {
      if (stage !== shown) {
        shown = stage;
        bar.start(steps, 0, { stage: stage.padEnd('inversion'.length) });
      }
      bar.increment();
    },
    stop: () => bar.stop(),
  };
}
