import { Command, Option } from 'commander';
import { PUBLISHED_SHAPES, type PublishedModel } from '../engine/models/published-shapes.ts';
import { synthesizeModel } from '../engine/models/synthesize.ts';

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
  .addCommand(synthesize);
