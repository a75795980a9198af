import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { Dataset } from '../engine/training/data/dataset.ts';
import { trainTask } from '../engine/training/loop.ts';
import { setup } from '../engine/training/setup/setup.ts';
import { movqConfig, movqTask } from '../engine/training/tasks/movq.ts';
import { loadTensorFlow } from '../engine/training/tensorflow.ts';

export const train = new Command('train').exitOverride().description('Train the networks of a model with TensorFlow.');

const say = (line: string) => console.error(line);

train
  .command('setup')
  .description('make TensorFlow available: choose CPU or GPU, fetch its library, build the addon')
  .addOption(new Option('--device <name>', 'instead of the one that is found').choices(['cpu', 'gpu']))
  .option('--wheel <file>', 'a wheel of TensorFlow that is already here, instead of a download')
  .action((options) => setup({ ...options, say }));

interface RunOptions {
  data: string;
  runs: string;
  minutes: number;
  seed: number;
}

trainCommand('movq', 'the autoencoder of the pictures').action(async ({ data, runs, minutes, seed }: RunOptions) => {
  const tf = loadTensorFlow();
  const task = movqTask(tf, new Dataset(data), movqConfig([16, 32, 64, 128]), seed);
  await trainTask(tf, task, { runs, time: minutes * 60_000, seed, signal: stopSignal() });
});

function trainCommand(name: string, description: string): Command {
  return train
    .command(name)
    .description(`${description}; goes on from the last checkpoint`)
    .option('--minutes <n>', 'how long', positive, 60)
    .option('--data <dir>', 'the data set that npm run data has built', join('data', 'pictures'))
    .addOption(new Option('--runs <dir>', 'where runs are kept').default('runs').env('RUNS_DIR'))
    .option('--seed <n>', 'of the first weights and of all random choices', Number, 0);
}

function positive(text: string): number {
  const number = Number(text);
  if (!(number > 0)) throw new InvalidArgumentError('It must be a positive number.');
  return number;
}

/** Aborts at the first SIGINT or SIGTERM; the second one ends the process at once, as usual. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      say('\nstopping after this step, with a checkpoint …');
      controller.abort();
    });
  }
  return controller.signal;
}
