import { z } from 'zod';
import type { PictureFile } from '../engine/pipeline/plan.ts';
import { type Task, taskSchema } from '../task.ts';
import { numbers, parse } from '../typed-settings.ts';
import { type DrawingOptions, drawAndSave, drawingCommand, readPicture, settingsFrom } from './drawing.ts';

interface ModifyOptions extends DrawingOptions {
  readonly from?: string;
  readonly strength: string;
}

interface PcaOptions extends DrawingOptions {
  readonly dimensions: string;
}

export const modify = drawingCommand(
  'modify',
  'Change what a picture shows and keep its composition (text diff): one picture for each strength.',
)
  .argument('<image>', 'picture file')
  .argument('<prompt...>', 'what it is to show, for example "green heart"')
  .option('--from <text>', 'what it shows now (default: what it was drawn from, if it was drawn here)')
  .option('--strength <θ,...>', 'how far to go, 0 to 1; 0 draws the picture again', '0.125,0.25,0.375,0.5')
  .action(async (image: string, words: string[], options: ModifyOptions) => {
    const settings = settingsFrom(options);
    const pictures = [await readPicture(image, 'image')];
    const strengths = numbers(options.strength);
    await run({ kind: 'modify', pictures, prompt: words.join(' '), from: options.from, strengths, settings }, options);
  });

export const pca = drawingCommand(
  'pca',
  'Draw what CLIP keeps of a picture in few principal components of its embedding: one picture for each number of them.',
)
  .argument('<image>', 'picture file')
  .option('--dimensions <k,...>', 'how many components to keep', '1,2,4,8,16,32,64')
  .action(async (image: string, options: PcaOptions) => {
    const settings = settingsFrom(options);
    const pictures = [await readPicture(image, 'image')];
    await run({ kind: 'pca', pictures, dimensions: numbers(options.dimensions), settings }, options);
  });

const FileTask = taskSchema(z.custom<PictureFile>());

/** @throws InputError for a task that is none */
async function run(task: unknown, options: DrawingOptions): Promise<void> {
  await drawAndSave(parse(FileTask, task) as Task<PictureFile>, options);
}
