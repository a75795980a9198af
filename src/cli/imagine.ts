import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Presets, SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { decodePicture } from '../engine/images/decode-picture.ts';
import { encodePng, pictureFromTensor } from '../engine/images/encode-picture.ts';
import type { Picture } from '../engine/images/picture.ts';
import { draw, type Progress, type Timings } from '../engine/pipeline/draw.ts';
import { slerp } from '../engine/pipeline/interpolation.ts';
import type { Model } from '../engine/pipeline/model.ts';
import { openModel } from '../engine/pipeline/open-model.ts';
import { recipesFor, type Subject } from '../engine/pipeline/recipes.ts';
import { TorchGenerator } from '../engine/random/torch-generator.ts';
import type { Tensor } from '../engine/tensor.ts';
import { InputError } from '../errors.ts';
import { MAX_COUNT, NegativePrompt, PRIORS, Prompt, pictureName, type Recipe, SAMPLERS, Settings } from '../recipe.ts';
import { decimal, parse, seed } from '../typed-settings.ts';

interface Options {
  readonly model?: string;
  readonly seed?: string;
  readonly steps?: string;
  readonly guidance?: string;
  readonly priorGuidance?: string;
  readonly prior?: string;
  readonly priorSamples?: string;
  readonly count: string;
  readonly sampler?: string;
  readonly negative?: string;
  readonly image: string[];
  readonly out: string;
  readonly json?: boolean;
}

export const imagine = new Command('imagine')
  .description(
    'Draw pictures without any bot: from a prompt, from a picture (variations), or from both or two pictures (blend).',
  )
  .argument('[prompt...]', 'what to draw, for example "red heart"')
  .option('--model <dir>', 'model folder (default: MODEL_DIR, or the bundled model)')
  .option('--seed <n>', 'seed of the first picture, the next ones count on (default: random)')
  .option('--steps <n>', "denoising steps of the decoder (default: the model's)")
  .option('--guidance <g>', "guidance scale of the decoder, 1 is none (default: the model's)")
  .option('--prior-guidance <g>', "guidance scale of the prior (default: the model's)")
  .option('--prior <name>', `what makes an embedding of the text, one of ${PRIORS.join(', ')} (default: diffusion)`)
  .option('--prior-samples <n>', 'draw so many embeddings and take the one nearest to the text (default: 1)')
  .option('--count <n>', 'how many pictures', String(MAX_COUNT))
  .option('--sampler <name>', `one of ${SAMPLERS.join(', ')} (default: the model's)`)
  .option('--negative <text>', 'what to keep out of the pictures')
  .option(
    '--image <file>',
    'draw variations of a picture; given twice, or beside a prompt, both are blended',
    collect,
    [],
  )
  .option('--out <dir>', 'folder for the PNGs', 'out')
  .option('--json', 'print one JSON object: pictures, timings in seconds, settings')
  .action(run);

async function run(words: string[], options: Options): Promise<void> {
  const config = loadConfig();
  const settings = parse(Settings.required({ seed: true }), {
    seed: seed(options.seed),
    steps: decimal(options.steps),
    guidanceScale: decimal(options.guidance),
    priorGuidanceScale: decimal(options.priorGuidance),
    prior: options.prior,
    priorSamples: decimal(options.priorSamples),
    sampler: options.sampler,
    count: decimal(options.count),
  });
  const prompt = words.length > 0 || options.image.length === 0 ? parse(Prompt, words.join(' ')) : undefined;
  const negativePrompt = options.negative === undefined ? undefined : parse(NegativePrompt, options.negative);
  const pictures = await Promise.all(
    options.image.map(async (file) => decodePicture(await readPicture(file), basename(file))),
  );

  const start = performance.now();
  const model = await openModel(options.model ?? config.modelDir, { threads: config.engineThreads });
  const load = (performance.now() - start) / 1000;
  const subject = await subjectOf(model, { prompt, negativePrompt, pictures }, settings);
  const recipes = recipesFor(model, subject, settings);
  const unread = prompt === undefined ? undefined : model.overflow(prompt);
  if (unread) process.stderr.write(`the prompt is too long for the model, not read: ${unread}\n`);
  const bar = progressBar(recipes.length);
  const { images, timings } = await draw(model, recipes, { onStep: bar.onStep }).finally(bar.stop);
  await model.close();

  await mkdir(options.out, { recursive: true });
  const paths = await Promise.all(images.map((image, i) => save(image, recipes[i] as Recipe, options.out)));
  if (options.json) console.log(JSON.stringify(summary(recipes, paths, { load, ...timings })));
  else for (const path of paths) console.log(path);
}

/** A prompt, variations of one picture, or the middle between two things. */
async function subjectOf(model: Model, asked: Asked, settings: Settings & { seed: number }): Promise<Subject> {
  const { prompt, negativePrompt, pictures } = asked;
  const [first, second, ...more] = pictures;
  if (!first) return { operation: 'imagine', prompt: prompt as string, negativePrompt };
  if (more.length > 0 || (second && prompt !== undefined)) {
    throw new InputError('at most two things can be blended: two --image, or a prompt and one --image');
  }
  const embedding = await model.embedPicture(first);
  if (second) {
    return { operation: 'blend', imageEmbedding: slerp(embedding, await model.embedPicture(second), 0.5) };
  }
  if (prompt === undefined) return { operation: 'variations', imageEmbedding: embedding };
  const text = await model.embedText({ ...settings, prompt, negativePrompt }, new TorchGenerator(settings.seed));
  return { operation: 'blend', prompt, imageEmbedding: slerp(text.imageEmbedding, embedding, 0.5) };
}

interface Asked {
  readonly prompt: string | undefined;
  readonly negativePrompt: string | undefined;
  readonly pictures: readonly Picture[];
}

async function readPicture(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new InputError(`--image ${file}: expected a picture file: ${(error as Error).message}`);
  }
}

async function save(image: Tensor, recipe: Recipe, folder: string): Promise<string> {
  const path = join(folder, pictureName(recipe));
  await writeFile(path, await encodePng(pictureFromTensor(image), recipe));
  return path;
}

/** What `--json` prints. */
function summary(recipes: readonly Recipe[], paths: readonly string[], timings: Timings & { load: number }) {
  const { version: _, operation, seed: __, imageEmbedding: ___, ...settings } = recipes[0] as Recipe;
  const images = paths.map((path, i) => ({ path, seed: (recipes[i] as Recipe).seed }));
  const milliseconds = Object.entries(timings).map(([stage, seconds]) => [stage, Number(seconds.toFixed(3))]);
  return { images, timings: Object.fromEntries(milliseconds), operation, ...settings };
}

/** On a terminal's stderr; the steps of all pictures together. */
function progressBar(pictures: number): { onStep(progress: Progress): void; stop(): void } {
  const format = '{stage} {bar} {percentage} % · {value} of {total} steps';
  const bar = new SingleBar({ format, hideCursor: true, clearOnComplete: true }, Presets.shades_classic);
  let stage = '';
  return {
    onStep(progress) {
      if (progress.stage !== stage) {
        stage = progress.stage;
        bar.start(progress.steps * pictures, 0, { stage: stage.padEnd('decoder'.length) });
      }
      bar.increment();
    },
    stop: () => bar.stop(),
  };
}

function collect(file: string, files: string[]): string[] {
  return [...files, file];
}
