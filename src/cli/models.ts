import { Command, Option } from 'commander';
import { inspectModel } from '../engine/models/inspect.ts';
import { PUBLISHED_SHAPES, type PublishedModel } from '../engine/models/published-shapes.ts';
import { synthesizeModel } from '../engine/models/synthesize.ts';
import { InputError } from '../errors.ts';
import { formatModel } from './format-model.ts';

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

const DTYPES = { float32: 'F32', float16: 'F16' } as const;

interface SynthesizeOptions {
  readonly dtype: keyof typeof DTYPES;
  readonly shards?: true;
}

const synthesize = new Command('synthesize')
  .description('Write a model of random weights in the true shapes of a published one, to try out and to measure.')
  .argument('<model>', Object.keys(PUBLISHED_SHAPES).join(' or '))
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
synthesize.registeredArguments[0]?.choices(Object.keys(PUBLISHED_SHAPES));

export const models = new Command('models')
  .description('Look into model folders, fetch them, make them up.')
  .addCommand(inspect)
  .addCommand(synthesize);
