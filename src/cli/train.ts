import { Command, Option } from 'commander';
import { setup } from '../engine/training/setup/setup.ts';

export const train = new Command('train').exitOverride().description('Train the networks of a model with TensorFlow.');

const say = (line: string) => console.error(line);

train
  .command('setup')
  .description('make TensorFlow available: choose CPU or GPU, fetch its library, build the addon')
  .addOption(new Option('--device <name>', 'instead of the one that is found').choices(['cpu', 'gpu']))
  .option('--wheel <file>', 'a wheel of TensorFlow that is already here, instead of a download')
  .action((options) => setup({ ...options, say }));
