import { writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { SingleBar } from 'cli-progress';
import { Command, Option } from 'commander';
import { cacheDir } from '../engine/cache.ts';
import { writeAttribution } from '../engine/training/attributions.ts';
import { attribution } from '../engine/training/data/attribution.ts';
import { buildDataset } from '../engine/training/data/build.ts';
import { collectBundled } from '../engine/training/data/bundled.ts';
import type { Collection } from '../engine/training/data/collection.ts';
import { plainSet } from '../engine/training/data/compose/composed-set.ts';
import { whyNoCompositions } from '../engine/training/data/compose/compositions.ts';
import { datasetSheet } from '../engine/training/data/contact-sheet.ts';
import { Dataset } from '../engine/training/data/dataset.ts';
import { collectGlyphs } from '../engine/training/data/glyphs.ts';
import { buildLarge } from '../engine/training/data/large-pictures.ts';
import { staysBelow } from '../engine/training/data/loaders/folder.ts';
import { collectFolder, findLoader, LOADERS } from '../engine/training/data/loaders/formats.ts';
import { type MadeFrom, madeFromFolder, refuseOtherSet, writeMadeFrom } from '../engine/training/data/made-from.ts';
import { openPictures, writeCompositions } from '../engine/training/data/open-pictures.ts';
import { DataPackages } from '../engine/training/data/packages.ts';
import type { PictureSet } from '../engine/training/data/picture-set.ts';
import { DEFAULT_STYLES, GLYPH_SOURCES, PICTURE_SOURCES, TEXT_SOURCES } from '../engine/training/data/sources.ts';
import type { PackageSpec } from '../engine/training/setup/packages.ts';
import { InputError } from '../errors.ts';
import { wholeNumber } from './numbers.ts';
import { withOutFolder } from './out-folder.ts';
import { createBar, WITHOUT_TERMINAL } from './progress-bar.ts';
import { say } from './say.ts';

interface Options {
  out?: string;
  from?: string;
  format?: string;
  language?: string;
  limit?: number;
  learnAll?: true;
  crop: boolean;
  style?: string[];
  skinTones: boolean;
  glyphs: boolean;
  compositions?: number;
  large: boolean;
}

const PICTURES = join('data', 'pictures');
const GLYPHS = join('data', 'glyphs');

/** What a data set is made of, where that is from, and the words that must go with it. */
interface Source {
  readonly collection: Collection;
  readonly madeFrom: MadeFrom;
  readonly attribution?: string;
}

export const data = new Command('data')
  .description('Build the data set that the bundled model is trained on, or one of pictures that you have.')
  .option('--out <dir>', `where it goes, outside of the folder of --from (default: ${PICTURES}, of --glyphs ${GLYPHS})`)
  .addOption(
    new Option(
      '--style <name...>',
      'only these styles (default: all but "line icon", whose pictures are thin and many)',
    ).choices(PICTURE_SOURCES.map((source) => source.style)),
  )
  .option('--skin-tones', 'also persons with light, medium and dark skin', false)
  .option(
    '--glyphs',
    'instead of the emoji, icons that show the same things: to recognise things by (train -- vision --extra-data), not to draw',
    false,
  )
  .option(
    '--compositions <count>',
    'also so many pictures composed of them: colours, backgrounds, two things',
    wholeNumber(1),
  )
  .option('--from <dir>', 'pictures that you have, with captions: your own, or a published data set')
  .addOption(
    new Option('--format <name>', 'how the folder is laid out, when its files do not tell').choices(
      LOADERS.map((loader) => loader.name),
    ),
  )
  .option('--limit <pictures>', 'take at most so many', wholeNumber(1))
  .option('--learn-all', 'hold none of them out: 3 % of the names are otherwise, to measure by')
  .option('--crop', 'cut pictures to a square, instead of keeping all of them with a margin', false)
  .option('--large', 'the pictures of a data set that is there at 512 × 512 besides, for an upsampler', false)
  .option('--language <code>', 'of WIT, the captions in this language (default: en)')
  .addHelpText('after', () =>
    ['', 'Layouts of --from, none of which is downloaded:', ...LOADERS.map(layoutHelp)].join('\n'),
  )
  .action((options: Options) => {
    const out = options.out ?? (options.glyphs ? GLYPHS : PICTURES);
    return withOutFolder(out, () => build(out, options));
  });

const layoutHelp = ({ name, title, layout }: (typeof LOADERS)[number]) => `  ${name.padEnd(12)} ${title}: ${layout}`;

async function build(out: string, options: Options): Promise<void> {
  const { crop, from, format, language, limit, learnAll, compositions } = options;
  if (!from && (format || language || limit || learnAll))
    throw new InputError(
      '--format, --language, --limit and --learn-all say how the folder of --from is read: name one',
    );
  if (options.glyphs && (from || options.style || options.skinTones || compositions))
    throw new InputError(
      '--glyphs takes all icons of its own sets: leave out --from, --style, --skin-tones and --compositions',
    );
  if (from && (options.style || options.skinTones))
    throw new InputError(
      "--style and --skin-tones choose among the bundled model's pictures, not among those of --from",
    );
  const source = from ? await fromFolder(from, out, options) : await fromPackages(out, options);
  const { collection } = source;
  if (options.large) return buildLargePictures(out, collection, crop);
  const { total } = collection;
  const bar = progressBar(total);
  const { pictures, heldOut, leftOut } = await buildDataset(out, collection, {
    crop,
    onProgress: (done) => bar.update(done),
  }).finally(() => bar.stop());
  for (const line of leftOut.lines()) say(line);
  await writeMadeFrom(out, source.madeFrom);
  await writeAttribution(out, source.attribution);
  await writeCompositions(out, compositions ? { count: compositions, seed: 0 } : undefined);
  const set = openPictures(out);
  const sheet = join(out, 'contact-sheet.png');
  await writeFile(sheet, await datasetSheet(set, 600));
  set.close();
  if (compositions) say(describeCompositions(set));
  const { size } = plainSet(set).concepts;
  say(`${pictures} pictures of ${size} concepts, ${heldOut} of them held out, in ${out}; look at ${sheet}`);
}

function describeCompositions(set: PictureSet): string {
  const plain = plainSet(set);
  const why = whyNoCompositions(plain);
  return `${set.records.length - plain.records.length} compositions of them${why ? `: ${why}` : ''}`;
}

async function buildLargePictures(out: string, collection: Collection, crop: boolean): Promise<void> {
  const set = new Dataset(out);
  const bar = progressBar(set.records.length);
  const onProgress = (done: number) => bar.update(done);
  const large = await buildLarge(out, set, collection, { crop, onProgress }).finally(() => bar.stop());
  set.close();
  say(`${large} of ${set.records.length} pictures at 512 × 512 in ${out}`);
}

/** @param total  unknown where it is absent */
function progressBar(total?: number): SingleBar {
  const format = total === undefined ? 'drawing {value} …' : 'drawing {bar} {value} of {total}{eta_formatted}';
  const bar = createBar(format, WITHOUT_TERMINAL);
  bar.start(total ?? 0, 0);
  return bar;
}

async function fromFolder(
  dir: string,
  out: string,
  { format, language, limit, learnAll, large }: Options,
): Promise<Source> {
  // the next build would take what is written there for pictures
  if (staysBelow(relative(dir, out)))
    throw new InputError(`--out ${out} is in ${dir}, the folder of the pictures: name one outside of it`);
  const loader = findLoader(dir, format);
  if (language && loader.name !== 'wit')
    throw new InputError(`--language is for WIT, which has many; ${dir} is ${loader.title}`);
  const madeFrom = await madeFromFolder(out, dir);
  if (!large) await refuseOtherSet(out, madeFrom);
  // a layout whose pictures can be counted names one after another; others have their captions sorted by picture first
  const captions = loader.count ? '' : '; captions first, which takes minutes where there are millions';
  say(`reading ${dir} (${loader.title})${captions} …`);
  const collection = collectFolder(loader, dir, { scratch: join(out, 'captions.partial'), language, limit, learnAll });
  const count = await loader.count?.(dir);
  return {
    collection: count === undefined ? collection : { ...collection, total: Math.min(count, limit ?? count) },
    madeFrom,
    attribution: loader.licence && `# Attribution\nThe pictures were resized and used to train.\n\n${loader.licence}\n`,
  };
}

async function fromPackages(
  out: string,
  { style: styles = DEFAULT_STYLES, skinTones, glyphs, large }: Options,
): Promise<Source> {
  const madeFrom: MadeFrom = { kind: glyphs ? 'glyphs' : 'emoji' };
  if (!large) await refuseOtherSet(out, madeFrom);
  const packages = new DataPackages(cacheDir('data-packages'));
  const install = (specs: readonly PackageSpec[], size: string) =>
    packages.install(specs, (line) => say(`packages with ${size}, which are kept for the next time: ${line}`));
  await install([...PICTURE_SOURCES, ...TEXT_SOURCES], 'pictures and captions, 300 MB');
  if (glyphs) {
    await install(GLYPH_SOURCES, 'icons, 60 MB');
    return { collection: collectGlyphs(packages), madeFrom, attribution: attribution(GLYPH_SOURCES) };
  }
  const pictures = PICTURE_SOURCES.filter(({ style }) => styles.includes(style));
  return { collection: collectBundled(packages, { styles, skinTones }), madeFrom, attribution: attribution(pictures) };
}
