import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Presets, SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { z } from 'zod';
import { loadConfig } from '../config.ts';
import { encodePng, pictureFromTensor } from '../engine/images/encode-picture.ts';
import { calibrateModel } from '../engine/quantisation/calibrate.ts';
import { comparePrecisions } from '../engine/quantisation/compare-precisions.ts';
import { choosePrecision } from '../engine/quantisation/precision.ts';
import { COMPARISON_PROMPTS } from '../engine/quantisation/prompts.ts';
import { decimal, parse } from '../typed-settings.ts';

interface QuantizeOptions {
  readonly pictures: string;
  readonly steps?: string;
  readonly compare: string;
  readonly only?: true;
  readonly out?: string;
  readonly json?: true;
}

const Counts = z.object({
  pictures: z.int().min(1).max(1000),
  steps: z.int().min(1).max(1000).optional(),
  compare: z.int().min(0).max(COMPARISON_PROMPTS.length),
});

export const quantize = new Command('quantize')
  .description('Calibrate a model for int8: pictures are drawn, and the ranges of its layers noted beside its weights.')
  .argument('<dir>', "a model folder of diffusers' layout")
  .option('--pictures <n>', 'how many are drawn', '24')
  .option('--steps <n>', "denoising steps of each (default: the model's)")
  .option('--compare <n>', 'then draw so many others in float32 and in int8, and compare them by CLIP', '0')
  .option('--only', 'compare, with the ranges that are there')
  .option('--out <dir>', 'keep the pictures that were compared')
  .option('--json', 'one JSON object on stdout')
  .action(run);

async function run(dir: string, options: QuantizeOptions): Promise<void> {
  const { pictures, steps, compare } = parse(Counts, {
    pictures: decimal(options.pictures),
    steps: decimal(options.steps),
    compare: decimal(options.compare),
  });
  const runtime = { threads: loadConfig().engineThreads };
  const bar = new SingleBar(
    { format: '{what} {bar} {value} of {total}', clearOnComplete: true },
    Presets.shades_classic,
  );
  let files: string[] = [];
  if (!options.only) {
    bar.start(pictures, 0, { what: 'calibrating' });
    const onPicture = (done: number) => bar.update(done);
    files = await calibrateModel(dir, { runtime, pictures, steps, onPicture }).finally(() => bar.stop());
  }
  if (!options.json) for (const file of files) console.log(relative('.', file));
  if (compare === 0) {
    if (options.json) console.log(JSON.stringify({ files }));
    return;
  }
  await choosePrecision(dir, 'int8');
  bar.start(compare, 0, { what: 'comparing' });
  const comparison = await comparePrecisions(dir, {
    runtime,
    steps,
    // Spread over all of them.
    prompts: Array.from(
      { length: compare },
      (_, i) => COMPARISON_PROMPTS[Math.floor((i * COMPARISON_PROMPTS.length) / compare)]!,
    ),
    async onPair(prompt, float32, int8) {
      bar.increment();
      if (options.out === undefined) return;
      await mkdir(options.out, { recursive: true });
      for (const [precision, image] of Object.entries({ float32, int8 })) {
        const name = `${prompt.replaceAll(' ', '-')}.${precision}.png`;
        await writeFile(join(options.out, name), await encodePng(pictureFromTensor(image)));
      }
    },
  }).finally(() => bar.stop());
  if (options.json) return console.log(JSON.stringify({ files, ...comparison }));
  const { prompts, samePicture, loss } = comparison;
  console.log(`${prompts} prompts: float32 and int8 pictures are alike to ${samePicture.toFixed(4)} (cosine by CLIP)`);
  console.log(`prompt and picture: ${comparison.float32.toFixed(4)} in float32, ${comparison.int8.toFixed(4)} in int8`);
  console.log(`loss ${(100 * loss).toFixed(2)} %`);
}
