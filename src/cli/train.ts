import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Argument, Command, Option } from 'commander';
import type { TensorFlow } from '../engine/ops/tfjs-ops.ts';
import { PRECISIONS, type Precision, requireBfloat16 } from '../engine/training/bfloat16.ts';
import { checkpointOf } from '../engine/training/checkpoint.ts';
import { withTraining } from '../engine/training/data/dataset.ts';
import { openPictures } from '../engine/training/data/open-pictures.ts';
import { DECODERS, type ExportOptions, exportModel } from '../engine/training/export.ts';
import { importModel } from '../engine/training/import.ts';
import { withLock } from '../engine/training/lock.ts';
import { BETWEEN_EVALUATIONS } from '../engine/training/loop.ts';
import { shareThreads } from '../engine/training/parallel/helpers.ts';
import { EXTRAS, MEASURES, PARTS, type Part, WITHOUT_SAMPLES } from '../engine/training/part-names.ts';
import { openEmbeddings, type PartOptions, SHARING_PARTS, trainAll, trainPart } from '../engine/training/parts.ts';
import { DEVICES } from '../engine/training/setup/device.ts';
import { setup } from '../engine/training/setup/setup.ts';
import { tokenizerFolder, trainTokenizer } from '../engine/training/tasks/tokenizer.ts';
import { loadTensorFlow, trainingDevice } from '../engine/training/tensorflow.ts';
import { InputError } from '../errors.ts';
import { positive, wholeNumber } from './numbers.ts';
import { withOutFolder } from './out-folder.ts';
import { report, sheet } from './report.ts';
import { say } from './say.ts';
import { listenForStop } from './stop-signal.ts';

export const train = new Command('train').exitOverride().description('Train the networks of a model with TensorFlow.');

train
  .command('setup')
  .description('Make TensorFlow available: choose CPU, GPU or WebGPU, fetch it, build the addon.')
  .addOption(
    new Option('--device <name>', 'instead of the one that is found; gpu is an NVIDIA one with CUDA').choices(DEVICES),
  )
  .option('--wheel <file>', 'a wheel of TensorFlow that is already here, instead of a download')
  .action((options) => setup({ ...options, say }));

interface RunOptions {
  data: string;
  runs: string;
  seed: number;
  minutes: number;
  steps?: number;
  learningRate?: number;
  sampleMinutes?: number;
  processes: number;
  precision: Precision;
  from?: string;
  prior?: string;
  extraData?: string;
  resume?: true;
}

const DESCRIPTIONS: Record<Part, string> = {
  movq: 'the autoencoder of pictures',
  clip: 'the encoders of text and pictures into one space',
  teacher: 'a classifier of pictures that clip and vision, where they are trained after it, learn from',
  distil: 'the text encoder of CLIP on words that no caption holds, by a model of language; before the priors',
  vision:
    "CLIP's encoder of pictures further; text is drawn as before, variations and blends worse until prior and decoder have followed (docs/train-from-scratch.md)",
  decoder: 'the diffusion model that draws from a CLIP embedding',
  'fine-tune': 'the trained decoder further, so that CLIP sees in its pictures what was asked for, in a run of its own',
  prior: "the diffusion model that makes a picture's embedding from text",
  'ar-prior':
    "the autoregressive model that makes a picture's embedding from text number by number, to take instead of the prior",
  upsampler: 'the diffusion model that draws pictures 4 times as large; after npm run data -- --large',
  'text-decoder': 'a decoder that draws from text alone, to compare with',
  judge: 'a classifier of pictures, which only measures',
};

const TRAINED: readonly Part[] = [...PARTS, ...EXTRAS, ...MEASURES];

runCommand('tokenizer', 'Learn the vocabulary of the captions; takes seconds.')
  .addOption(seedOption())
  .option('--minutes <n>', 'as for every part; this one is done in seconds', positive)
  .option('--resume', 'as for every part; this one learns the same again')
  .action(async ({ data, runs, seed }: RunOptions) => {
    const tokens = await inRuns(runs, () => {
      const pictures = withTraining(openPictures(data), data);
      const train = () => trainTokenizer(pictures, runs, seed);
      return withLock(join(runs, 'clip'), 'trains with the vocabulary', train);
    });
    say(`${tokens} tokens in ${tokenizerFolder(runs)}`);
  });
for (const part of TRAINED) {
  const command = timedCommand(part, `Train ${DESCRIPTIONS[part]}`)
    .option(
      '--steps <n>',
      'over which the learning rate falls, to a twentieth, all calls together (default: as at the call before, else what is planned for that part)',
      wholeNumber(1),
    )
    .option(
      '--learning-rate <rate>',
      "at its peak (default: as at the call before, else that part's own; after --from a third of it, which keeps more of what it has learned)",
      positive,
    )
    .action((options: RunOptions) =>
      trainUntilStopped(options, [part], (tf, partOptions) => trainPart(tf, part, partOptions)),
    );
  if (!WITHOUT_SAMPLES.includes(part)) command.addOption(sampleMinutes());
  if (part === 'teacher' || part === 'vision')
    command.option(
      '--extra-data <dir>',
      'a data set of other drawings of the same names, to learn from too, such as that of npm run data -- --glyphs',
    );
  if (part === 'decoder')
    command.option(
      '--prior <dir>',
      'a model exported from these runs: learn also from what its prior makes of captions, which is what the decoder will draw from',
    );
}
timedCommand(
  'all',
  'Train autoencoder, teacher, CLIP, prior and decoder in turn, each for a share of the time, over which its learning rate falls; of a model (--from, at this call or an earlier one) only prior and decoder, from a lower rate',
)
  .addOption(sampleMinutes())
  .action((options: RunOptions) =>
    trainUntilStopped(options, SHARING_PARTS, (tf, partOptions) =>
      trainAll(tf, partOptions, options.from !== undefined),
    ),
  );

runCommand('export <dir>', 'Write the trained model as a diffusers folder.')
  .addOption(new Option('--decoder <run>', 'where its decoder comes from').choices(DECODERS).default('decoder'))
  .action(async (dir: string, { data, runs, decoder }: ExportOptions) => {
    const dataset = openPictures(data);
    const embeddings = async () => openEmbeddings(await loadTensorFlow(), dataset, runs, say);
    const exported = () => exportModel(dir, { runs, data, decoder, say }, dataset, embeddings);
    const warnings = await withOutFolder(dir, exported, 'export');
    say(`the model is in ${dir}`);
    for (const warning of warnings) say(`warning: ${warning}`);
  });

train.addCommand(report);
train.addCommand(sheet);

train
  .command('plot')
  .description('Draw the curves of runs: curves.svg in the folder of each.')
  .addArgument(new Argument('[part...]', 'default: all that have been trained').choices(TRAINED))
  .addOption(runsOption())
  .action(async (parts: Part[], { runs }: Pick<RunOptions, 'runs'>) => {
    const { plotRun } = await import('../engine/training/plot.ts');
    const trained = TRAINED.filter((part) => existsSync(join(runs, part, 'log.jsonl')));
    if (parts.length + trained.length === 0) throw new InputError(`${runs}: nothing has been trained there yet`);
    for (const part of parts.length > 0 ? parts : trained) {
      const path = join(runs, part, 'curves.svg');
      await writeFile(path, await plotRun(join(runs, part)));
      say(path);
    }
  });

const inRuns = <R>(runs: string, work: () => Promise<R>): Promise<R> => withOutFolder(runs, work, '--runs');

/** TensorFlow, and the runs folder with what it starts from. */
async function prepare(
  parts: readonly Part[],
  { processes, precision, from, runs, resume }: RunOptions,
): Promise<TensorFlow> {
  if (resume && !parts.some((part) => existsSync(checkpointOf(runs, part))))
    throw new InputError(`${runs}: there is no checkpoint to resume from; without --resume a run begins anew there`);
  const device = trainingDevice() ?? 'cpu';
  if (precision === 'bfloat16') {
    if (device !== 'cpu') throw new InputError(`--precision is for a CPU, and training runs on ${device}`);
    requireBfloat16();
  }
  if (processes > 1) {
    if (device !== 'cpu') throw new InputError(`--processes are for a CPU, and training runs on ${device}`);
    const cores = availableParallelism();
    if (processes > cores) throw new InputError(`--processes ${processes}: this machine has ${cores} cores`);
    shareThreads(processes, process.env);
  }
  const tf = await loadTensorFlow();
  if (from) await importModel(from, runs, say);
  return tf;
}

/** Trains until the time is up, or this process is told to stop. */
const trainUntilStopped = (
  options: RunOptions,
  parts: readonly Part[],
  work: (tf: TensorFlow, options: PartOptions) => Promise<void>,
): Promise<void> =>
  inRuns(options.runs, async () => {
    const tf = await prepare(parts, options);
    const { signal, ignore } = listenForStop();
    signal.addEventListener('abort', () => say('\nstopping after this step, with a checkpoint …'));
    const { minutes, sampleMinutes, from: _from, resume: _resume, ...others } = options;
    const betweenEvaluations = sampleMinutes && sampleMinutes * 60_000;
    await work(tf, { ...others, time: minutes * 60_000, betweenEvaluations, signal, say }).finally(ignore);
  });

function runCommand(name: string, description: string): Command {
  return train
    .command(name)
    .description(description)
    .option('--data <dir>', 'the data set that npm run data has built', join('data', 'pictures'))
    .addOption(runsOption());
}

function seedOption(): Option {
  const meaning = 'of the first weights and of all random choices';
  return new Option('--seed <n>', meaning).argParser(wholeNumber(0)).default(0);
}

function runsOption(): Option {
  return new Option('--runs <dir>', 'where runs are kept').default('runs').env('RUNS_DIR');
}

function sampleMinutes(): Option {
  const meaning = 'from one sample picture to the next; more where drawing takes above a twentieth of the time';
  return new Option('--sample-minutes <n>', meaning).argParser(positive).default(BETWEEN_EVALUATIONS / 60_000);
}

function timedCommand(name: string, description: string): Command {
  return runCommand(name, `${description}; goes on from the last checkpoint.`)
    .addOption(seedOption())
    .option('--minutes <n>', 'how long', positive, 60)
    .option('--resume', 'only go on, and never begin anew where there is no checkpoint')
    .option('--processes <n>', 'that compute gradients side by side, each of a batch of its own', wholeNumber(1), 1)
    .addOption(
      new Option('--precision <type>', 'of products: bfloat16 where the processor has it is faster')
        .choices(PRECISIONS)
        .default('float32'),
    )
    .option('--from <dir>', 'a model folder whose parts to start from, where they have no checkpoint yet');
}
