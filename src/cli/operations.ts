import { MIN_INVERSION_STEPS, MODIFY_GUIDANCE } from '../engine/pipeline/bipartite-latent.ts';
import { NOISES, USUAL_FRAMES, USUAL_STRENGTH, USUAL_STRENGTHS } from '../task.ts';
import { blendWeights, decimal, numbers } from '../typed-settings.ts';
import {
  type DrawingOptions,
  drawAndSave,
  drawingCommand,
  picturesCommand,
  readPicture,
  settingsFrom,
} from './drawing.ts';

// The operations that start from pictures; text to image is `imagine`.

const IMAGE = ['<image>', 'picture file: PNG, JPEG, WebP or GIF'] as const;
const open = (files: readonly string[]) => Promise.all(files.map((file) => readPicture(file, 'image')));
const joined = (words: readonly string[]) => (words.length > 0 ? words.join(' ') : undefined);

const inversion = (guidance = 1) =>
  '\nDDIM inversion finds the noise that a picture is drawn from: the more steps the better, and best without guidance.\n' +
  `Unless told otherwise it takes ${MIN_INVERSION_STEPS} steps or the model's, whatever is more, guidance ${guidance}, and the sampler ddim.\n` +
  'The seed then decides only what a sampler adds, as ddim does with --eta.';

export const variations = drawingCommand(
  'variations',
  'Pictures with the meaning of a picture. With --eta they also keep its composition.',
  ['count', 'negative', 'thresholding'],
)
  .argument(...IMAGE)
  .addHelpText('after', `\nWith --eta:${inversion()}`)
  .action(async (image: string, options: DrawingOptions) => {
    const { negative: negativePrompt } = options;
    const settings = settingsFrom(options);
    await drawAndSave({ kind: 'variations', pictures: await open([image]), negativePrompt, settings }, options);
  });

export const reconstruct = drawingCommand(
  'reconstruct',
  'Draw a picture again from its bipartite latent (z_i, x_T), found by DDIM inversion; prints the error.',
  ['thresholding'],
)
  .argument(...IMAGE)
  .addHelpText('after', inversion())
  .action(async (image: string, options: DrawingOptions) => {
    await drawAndSave({ kind: 'reconstruct', pictures: await open([image]), settings: settingsFrom(options) }, options);
  });

interface BlendOptions extends DrawingOptions {
  readonly prompt?: string;
  readonly weight?: string;
}

export const blend = drawingCommand('blend', 'Mix pictures, and perhaps words, in CLIP space.', [
  'count',
  'prior',
  'negative',
  'thresholding',
])
  .argument('<images...>', 'one to four picture files')
  .option('--prompt <text>', 'words to mix in')
  .option('--weight <w,...>', 'share of the second, 0 to 1; or one for each, the words last, such as 2,1,1')
  .action(async (images: string[], options: BlendOptions) => {
    const { prompt, negative: negativePrompt, weight } = options;
    const things = images.length + (prompt === undefined ? 0 : 1);
    const settings = settingsFrom(options);
    const mixed = { prompt, negativePrompt, weights: weight === undefined ? undefined : blendWeights(weight, things) };
    await drawAndSave({ kind: 'blend', pictures: await open(images), ...mixed, settings }, options);
  });

interface InterpolateOptions extends DrawingOptions {
  readonly frames: string;
  readonly noise: string;
}

export const interpolate = drawingCommand(
  'interpolate',
  'From one picture to the next, as a series of frames.',
  ['thresholding'],
  'gif',
)
  .argument('<images...>', 'two to four picture files')
  .option('--frames <n>', 'how many in all, both ends included', String(USUAL_FRAMES))
  .option(
    '--noise <kind>',
    `${NOISES.join(' or ')}: interpolate what DDIM inversion finds, or the same for all`,
    'inverted',
  )
  .addHelpText('after', inversion())
  .action(async (images: string[], options: InterpolateOptions) => {
    const { frames, noise } = options;
    const settings = settingsFrom(options);
    const pictures = await open(images);
    await drawAndSave({ kind: 'interpolate', pictures, frames: decimal(frames), noise, settings }, options);
  });

interface ModifyOptions extends DrawingOptions {
  readonly from?: string;
  readonly strength: string;
}

export const modify = drawingCommand(
  'modify',
  'Change what a picture shows and keep its composition (text diff): one picture for each strength.',
  ['thresholding'],
)
  .argument(...IMAGE)
  .argument('<prompt...>', 'what it is to show, for example "green heart"')
  .option('--from <text>', 'what it shows now (default: what it was drawn from, if it was drawn here)')
  .option('--strength <θ,...>', 'how far to go, 0 to 1; 0 draws the picture again', USUAL_STRENGTHS.join())
  .addHelpText('after', inversion(MODIFY_GUIDANCE))
  .action(async (image: string, words: string[], options: ModifyOptions) => {
    const settings = settingsFrom(options);
    const change = { prompt: words.join(' '), from: options.from, strengths: numbers(options.strength) };
    await drawAndSave({ kind: 'modify', pictures: await open([image]), ...change, settings }, options);
  });

export const upscale = picturesCommand(
  'upscale',
  'Make a picture that was drawn here 4 times as large, where the model has an upsampler.',
)
  .argument(...IMAGE)
  .action(async (image: string, options: Omit<DrawingOptions, 'as'>) => {
    await drawAndSave({ kind: 'upscale', pictures: await open([image]) }, { ...options, as: 'png' });
  });

interface PcaOptions extends DrawingOptions {
  readonly dimensions: string;
}

export const pca = drawingCommand(
  'pca',
  'Draw what CLIP keeps of a picture in few principal components of its embedding: one picture for each number of them.',
  [],
)
  .argument(...IMAGE)
  .option('--dimensions <k,...>', 'how many components to keep', '1,2,4,8,16,32,64')
  .action(async (image: string, options: PcaOptions) => {
    const settings = settingsFrom(options);
    const dimensions = numbers(options.dimensions);
    await drawAndSave({ kind: 'pca', pictures: await open([image]), dimensions, settings }, options);
  });

interface Img2ImgOptions extends DrawingOptions {
  readonly strength: string;
  readonly priorStrength?: string;
}

export const img2img = drawingCommand('img2img', 'Draw over a picture: it is noised, and drawn to the end for words.', [
  'count',
  'prior',
  'negative',
  'thresholding',
])
  .argument(...IMAGE)
  .argument('[prompt...]', 'what to draw (default: what the picture shows)')
  .option('--strength <s>', 'how much of it is noise at the start, 0 to 1', String(USUAL_STRENGTH))
  .option(
    '--prior-strength <s>',
    "the same for the prior, which then changes the picture's embedding towards the words",
  )
  .action(async (image: string, words: string[], options: Img2ImgOptions) => {
    const settings = settingsFrom(options);
    const strength = decimal(options.strength);
    const change = {
      prompt: joined(words),
      negativePrompt: options.negative,
      strength,
      priorStrength: decimal(options.priorStrength),
    };
    await drawAndSave({ kind: 'img2img', pictures: await open([image]), ...change, settings }, options);
  });

interface InpaintOptions extends DrawingOptions {
  readonly mask?: string;
}

export const inpaint = drawingCommand('inpaint', 'Draw a part of a picture anew; the rest stays.', [
  'count',
  'prior',
  'negative',
])
  .argument(...IMAGE)
  .argument('[prompt...]', 'what to draw (default: what the picture shows)')
  .option('--mask <file>', 'picture that is white where to draw (default: where the picture is transparent)')
  .action(async (image: string, words: string[], options: InpaintOptions) => {
    const settings = settingsFrom(options);
    const pictures = await open([image]);
    if (options.mask !== undefined) pictures.push(await readPicture(options.mask, '--mask'));
    const subject = { prompt: joined(words), negativePrompt: options.negative };
    await drawAndSave({ kind: 'inpaint', pictures, ...subject, settings }, options);
  });
