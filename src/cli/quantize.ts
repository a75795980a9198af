import { writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { encodePng, pictureFromTensor } from '../engine/images/encode-picture.ts';
import { calibrateModel } from '../engine/quantisation/calibrate.ts';
import { comparePrecisions, type PrecisionComparison } from '../engine/quantisation/compare-precisions.ts';
import { choosePrecision } from '../engine/quantisation/precision.ts';
import { COMPARISON_PROMPTS } from '../engine/quantisation/prompts.ts';
import { lanesFor, type RuntimeOptions } from '../engine/runtime/runtime.ts';
import type { Tensor } from '../engine/tensor.ts';
import { InputError } from '../errors.ts';
import { MAX_STEPS } from '../recipe.ts';
import { wholeNumber } from './numbers.ts';
import { withOutFolder } from './out-folder.ts';
import { createBar } from './progress-bar.ts';

interface QuantizeOptions {
  readonly pictures: number;
  readonly steps?: number;
  readonly compare: number;
  readonly only?: true;
  readonly out?: string;
  readonly json?: true;
}

const MAX_COMPARED = COMPARISON_PROMPTS.length;

export const quantize = new Command('quantize')
  .description('Calibrate a model for int8: pictures are drawn, and the ranges of its layers noted beside its weights.')
  .argument('<dir>', "a model folder of diffusers' layout")
  .option('--pictures <n>', 'how many are drawn', wholeNumber(1, 1000), 24)
  .option('--steps <n>', "denoising steps of each (default: the model's)", wholeNumber(1, MAX_STEPS))
  .option(
    '--compare <n>',
    'then draw so many others in float32 and in int8, and compare them by CLIP',
    wholeNumber(0, MAX_COMPARED),
    0,
  )
  .option('--only', 'only --compare, with the ranges that are there')
  .option('--out <dir>', 'keep the pictures that were compared')
  .option('--json', 'one JSON object on stdout')
  .action((dir: string, options: QuantizeOptions) =>
    options.out === undefined ? run(dir, options) : withOutFolder(options.out, () => run(dir, options)),
  );

async function run(dir: string, options: QuantizeOptions): Promise<void> {
  if (options.only && options.compare === 0) {
    throw new InputError(`--only compares: say how many pictures, --compare 1 to ${MAX_COMPARED}`);
  }
  const { engineThreads: threads } = loadConfig();
  const settings = { ...options, runtime: { threads, lanes: lanesFor(threads) } };
  const files = options.only ? [] : await calibrate(dir, settings);
  if (!options.json) for (const file of files) console.log(relative('.', file));
  const comparison = options.compare > 0 ? await compare(dir, settings, options.out) : undefined;
  if (options.json) console.log(JSON.stringify({ files, ...comparison }));
  else if (comparison) process.stdout.write(formatComparison(comparison));
}

type CountedSettings = Pick<QuantizeOptions, 'pictures' | 'steps' | 'compare'> & { readonly runtime: RuntimeOptions };

async function calibrate(dir: string, settings: CountedSettings): Promise<string[]> {
  const bar = progressBar('calibrating', settings.pictures);
  return calibrateModel(dir, { ...settings, onPicture: () => bar.increment() }).finally(() => bar.stop());
}

async function compare(dir: string, { compare: count, steps, runtime }: CountedSettings, out: string | undefined) {
  await choosePrecision(dir, 'int8');
  const bar = progressBar('comparing', count);
  // Spread over all kinds.
  const prompts = Array.from({ length: count }, (_, i) => COMPARISON_PROMPTS[Math.floor((i * MAX_COMPARED) / count)]!);
  return comparePrecisions(dir, {
    runtime,
    steps,
    prompts,
    async onPair(prompt, float32, int8) {
      bar.increment();
      if (out !== undefined) await savePair(out, prompt, { float32, int8 });
    },
  }).finally(() => bar.stop());
}

async function savePair(folder: string, prompt: string, pair: Record<'float32' | 'int8', Tensor>): Promise<void> {
  for (const [precision, image] of Object.entries(pair)) {
    const name = `${prompt.replaceAll(' ', '-')}.${precision}.png`;
    await writeFile(join(folder, name), await encodePng(pictureFromTensor(image)));
  }
}

function formatComparison({ prompts, samePicture, float32, int8, loss }: PrecisionComparison): string {
  return [
    `${prompts} prompts, by the model's own CLIP`,
    `a picture in float32 and in int8  ${samePicture.toFixed(4)}`,
    `prompt and picture in float32     ${float32.toFixed(4)}`,
    `prompt and picture in int8        ${int8.toFixed(4)}, ${(100 * loss).toFixed(2)} % less`,
    '',
  ].join('\n');
}

function progressBar(what: string, total: number): SingleBar {
  const bar = createBar(`${what} {bar} {value} of {total}`);
  bar.start(total, 0);
  return bar;
}
