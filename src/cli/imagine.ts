import type { PictureFile } from '../engine/pipeline/plan.ts';
import { NegativePrompt, Prompt } from '../recipe.ts';
import type { Task } from '../task.ts';
import { parse } from '../typed-settings.ts';
import {
  collect,
  type DrawingOptions,
  drawAndSave,
  drawingCommand,
  readPicture,
  settingsFrom,
  withCount,
} from './drawing.ts';

interface Options extends DrawingOptions {
  readonly negative?: string;
  readonly image: string[];
}

export const imagine = withCount(
  drawingCommand(
    'imagine',
    'Draw pictures without any bot: from a prompt, from a picture (variations), or from both or two pictures (blend).',
  ),
)
  .argument('[prompt...]', 'what to draw, for example "red heart"')
  .option('--negative <text>', 'what to keep out of the pictures')
  .option(
    '--image <file>',
    'draw variations of a picture; given again, or beside a prompt, all are blended',
    collect,
    [],
  )
  .action(async (words: string[], options: Options) => drawAndSave(await taskFrom(words, options), options));

async function taskFrom(words: string[], options: Options): Promise<Task<PictureFile>> {
  const settings = settingsFrom(options);
  const prompt = words.length > 0 || options.image.length === 0 ? parse(Prompt, words.join(' ')) : undefined;
  const negativePrompt = options.negative === undefined ? undefined : parse(NegativePrompt, options.negative);
  const [first, ...others] = await Promise.all(options.image.map((file) => readPicture(file, '--image')));
  if (!first) return { kind: 'imagine', prompt: prompt!, negativePrompt, settings };
  if (others.length === 0 && prompt === undefined) return { kind: 'variations', pictures: [first], settings };
  return { kind: 'blend', pictures: [first, ...others], prompt, negativePrompt, settings };
}
