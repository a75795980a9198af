import { Argument, Command, Option } from 'commander';
import { downloadModel } from '../engine/models/download.ts';
import { inspectModel } from '../engine/models/inspect.ts';
import { PUBLISHED_SHAPES, type PublishedModel } from '../engine/models/published-shapes.ts';
import { synthesizeModel } from '../engine/models/synthesize.ts';
import { InputError } from '../errors.ts';
import { formatBytes, formatModel } from './format-model.ts';
import { createBar, WITHOUT_TERMINAL } from './progress-bar.ts';
import { quantize } from './quantize.ts';

const inspect = new Command('inspect')
  .description('Print what a model folder holds and what it can do.')
  .argument('<dir>', "a model folder of diffusers' layout")
  .option('--json', 'one JSON object on stdout instead of the tables')
  .addHelpText('after', "\nExit codes: 0 it can draw, 2 it can't: what is wrong is named.")
  .action(async (dir: string, options: { json?: true }) => {
    const report = await inspectModel(dir);
    process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : formatModel(report));
    if (report.problem !== null) throw new InputError(report.problem);
  });

interface DownloadCommandOptions {
  readonly revision?: string;
  readonly to: string;
  readonly variant?: string;
  readonly endpoint?: string;
}

const download = new Command('download')
  .description('Fetch a model from the Hugging Face Hub: its configs and safetensors, continued where it was cut off.')
  .argument('<repository>', 'such as kandinsky-community/kandinsky-2-2-prior')
  .option('--revision <name>', 'branch, tag or commit (default: the default branch)')
  .option('--to <dir>', 'the folder that gets a folder of its name', 'models')
  .option('--variant <name>', 'such as fp16: weights of that precision, where there are any')
  .addOption(new Option('--endpoint <url>', 'another Hub').env('HF_ENDPOINT'))
  .addHelpText('after', '\nHF_TOKEN holds the token for models that are private or gated.')
  .action(async (repository: string, { to, ...options }: DownloadCommandOptions) => {
    const token = process.env.HF_TOKEN;
    const bar = progressBar();
    const { dir, commit, bytes } = await downloadModel(repository, to, {
      ...options,
      ...(token && { token }),
      onProgress: bar.onProgress,
    }).finally(bar.stop);
    process.stdout.write(`${dir}: ${formatBytes(bytes)}, commit ${commit}\n`);
  });

/** One bar for all files, on stderr. */
function progressBar() {
  const format = '{bar} {done} of {size}{eta_formatted}, {file}';
  const bar = createBar(format, { etaBuffer: 200, ...WITHOUT_TERMINAL });
  let begun = false;
  return {
    onProgress(file: string, done: number, total: number) {
      if (!begun) bar.start(total, 0, { file, done: '', size: formatBytes(total) });
      begun = true;
      bar.update(done, { file, done: formatBytes(done) });
    },
    stop: () => bar.stop(),
  };
}

const DTYPES = { float32: 'F32', float16: 'F16' } as const;

interface SynthesizeOptions {
  readonly dtype: keyof typeof DTYPES;
  readonly shards?: true;
}

const synthesize = new Command('synthesize')
  .description('Write a model of random weights in the true shapes of a published one, to try out and to measure.')
  .addArgument(new Argument('<model>', 'whose shapes').choices(Object.keys(PUBLISHED_SHAPES)))
  .argument('<dir>', 'a folder that is new or empty')
  .addOption(new Option('--dtype <type>', 'precision of the weights').choices(Object.keys(DTYPES)).default('float32'))
  .option('--shards', 'weights in files of 2 GB, with an index')
  .action(async (model: PublishedModel, dir: string, { dtype, shards }: SynthesizeOptions) => {
    await synthesizeModel(dir, PUBLISHED_SHAPES[model], {
      dtype: DTYPES[dtype],
      shardBytes: shards && 2e9,
      onComponent: (name) => process.stderr.write(`${name}\n`),
    });
  });

export const models = new Command('models')
  .description('Look into model folders, fetch them, make them up.')
  .addCommand(inspect)
  .addCommand(download)
  .addCommand(synthesize)
  .addCommand(quantize);
