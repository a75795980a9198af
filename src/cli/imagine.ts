import { collect, type DrawingOptions, drawAndSave, drawingCommand, readPicture, settingsFrom } from './drawing.ts';

interface Options extends DrawingOptions {
  readonly image?: string[];
}

export const imagine = drawingCommand(
  'imagine',
  'Draw pictures without any bot: from a prompt, from a picture (variations), or from both or two pictures (blend).',
  ['count', 'prior', 'negative', 'thresholding'],
)
  .argument('[prompt...]', 'what to draw, for example "red heart"')
  .option('--image <file>', 'draw variations of a picture; given again, or beside a prompt, all are blended', collect)
  .action(async (words: string[], options: Options) => drawAndSave(await taskFrom(words, options), options));

/** The prompt is needed unless there are pictures. */
async function taskFrom(words: string[], options: Options): Promise<unknown> {
  const settings = settingsFrom(options);
  const { image: files = [] } = options;
  const prompt = words.length > 0 || files.length === 0 ? words.join(' ') : undefined;
  const negativePrompt = options.negative;
  const pictures = await Promise.all(files.map((file) => readPicture(file, '--image')));
  if (pictures.length === 0) return { kind: 'imagine', prompt, negativePrompt, settings };
  if (pictures.length === 1 && prompt === undefined) {
    return { kind: 'variations', pictures, negativePrompt, settings };
  }
  return { kind: 'blend', pictures, prompt, negativePrompt, settings };
}
