import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import cliProgress from 'cli-progress';
import { Command, Option } from 'commander';
import { cacheDir } from '../engine/training/cache.ts';
import { attribution } from '../engine/training/data/attribution.ts';
import { buildDataset } from '../engine/training/data/build.ts';
import { type Collection, collectBundled } from '../engine/training/data/bundled.ts';
import { datasetSheet } from '../engine/training/data/contact-sheet.ts';
import { Dataset } from '../engine/training/data/dataset.ts';
import { collectImageFolder } from '../engine/training/data/image-folder.ts';
import { DataPackages } from '../engine/training/data/packages.ts';
import { DEFAULT_STYLES, PICTURE_SOURCES, TEXT_SOURCES } from '../engine/training/data/sources.ts';

interface Options {
  out: string;
  from?: string;
  style?: string[];
  skinTones: boolean;
}

export const data = new Command('data')
  .description('Build the data set that the bundled model is trained on, or one of your own pictures.')
  .option('--out <dir>', 'where it goes', join('data', 'pictures'))
  .option('--from <dir>', 'your own pictures: a folder with metadata.jsonl, lines of {"file_name": …, "text": …}')
  .addOption(
    new Option('--style <name...>', 'only these styles').choices(PICTURE_SOURCES.map((source) => source.style)),
  )
  .option('--skin-tones', 'also persons with light, medium and dark skin', false)
  .action(build);

const say = (line: string) => console.error(line);

async function build({ out, from, style = DEFAULT_STYLES, skinTones }: Options): Promise<void> {
  const collection = from ? await collectImageFolder(from) : await collectFromPackages(style, skinTones);
  const bar = new cliProgress.SingleBar({
    format: 'drawing {bar} {value}/{total} {eta_formatted}',
    stream: process.stderr,
    noTTYOutput: true,
    notTTYSchedule: 10_000,
  });
  bar.start(collection.items.length, 0);
  const { pictures, skipped } = await buildDataset(out, collection, { onProgress: (done) => bar.update(done) }).finally(
    () => bar.stop(),
  );
  for (const [reason, count] of skipped) say(`left out ${count}: ${reason}`);
  if (!from) await writeFile(join(out, 'ATTRIBUTION.md'), attribution(style));
  const dataset = new Dataset(out);
  const sheet = join(out, 'contact-sheet.png');
  await writeFile(sheet, await datasetSheet(dataset, 600, { columns: 30, size: 48 }));
  dataset.close();
  say(`${pictures} pictures of ${dataset.concepts.size} concepts in ${out}; look at ${sheet}`);
}

async function collectFromPackages(styles: string[], skinTones: boolean): Promise<Collection> {
  const packages = new DataPackages(cacheDir('data-packages'));
  say('fetching the packages with pictures and captions (300 MB, kept for the next time) …');
  await packages.install([...PICTURE_SOURCES, ...TEXT_SOURCES]);
  return collectBundled(packages, { styles, skinTones });
}
