import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { parseConfig, parseJsonObject } from '../weights/config.ts';
import { writeJson } from '../weights/write-model.ts';
import { isAttributed, keepAttribution } from './attributions.ts';
import { plainSet } from './data/compose/composed-set.ts';
import { Dataset } from './data/dataset.ts';
import type { PictureSet } from './data/picture-set.ts';

/** Pictures that a model was trained on. */
const TrainedOn = z.strictObject({
  /** Whether its works stand in ATTRIBUTION.md. */
  attributed: z.boolean(),
  /** Where CLIP's encoder of pictures alone has learned from it: to recognise things, not to draw them. */
  learnedBy: z.literal('image encoder').optional(),
  /** What there was; absent of a model that doesn't say. */
  set: z
    .strictObject({
      pictures: z.int(),
      concepts: z.int(),
      composed: z.int(),
      heldOut: z.int(),
      styles: z.array(z.string()),
      /** Of the pictures: SHA-256, in hex. Absent where they were not there any more. */
      digest: z.string().optional(),
    })
    .optional(),
});
export type TrainedOn = z.infer<typeof TrainedOn>;

/** In a model folder: all that it was trained on, the last set last. In a folder of runs: what the model that they began from was. */
const FILE = 'trained-on.json';
const File = z.strictObject({ dataSets: z.array(TrainedOn) });

/** What a model was trained on goes with all that is trained further from it, beside what is there: before its works do. */
export async function keepTrainedOn(model: string, runs: string): Promise<void> {
  const [before, own] = [await read(runs), await read(model)];
  await mkdir(runs, { recursive: true });
  await writeTrainedOn(runs, distinct([...before, ...(own.length > 0 ? own : [{ attributed: false }])]));
}

/** What CLIP's encoder of pictures, or its teacher, learns from besides the data set is told with it: the set, and its works. */
export async function keepExtraData(dir: string, runs: string): Promise<void> {
  const extra = new Dataset(dir);
  const own: TrainedOn = {
    attributed: isAttributed(dir),
    learnedBy: 'image encoder',
    set: await describePictures(extra),
  };
  extra.close();
  const before = await read(runs);
  const isOwn = ({ set, learnedBy }: TrainedOn) => set?.digest === own.set!.digest && learnedBy !== undefined;
  await writeTrainedOn(runs, [...before.filter((it) => !isOwn(it)), own]);
  await keepAttribution(dir, runs);
}

/** What a model of these runs was trained on: what it began from, then the data set. */
export async function trainedOn(runs: string, data: string, dataset: PictureSet): Promise<TrainedOn[]> {
  const own = { attributed: isAttributed(data), set: await describePictures(dataset) };
  const others = (await read(runs)).filter(({ set, learnedBy }) => learnedBy || set?.digest !== own.set.digest);
  return [...others, own];
}

export const writeTrainedOn = (dir: string, dataSets: readonly TrainedOn[]): Promise<void> =>
  writeJson(join(dir, FILE), { dataSets });

async function read(dir: string): Promise<TrainedOn[]> {
  const path = join(dir, FILE);
  // runs have works of their own only where they began from a model, of which nothing was kept at first
  if (!existsSync(path)) return isAttributed(dir) ? [{ attributed: true }] : [];
  return parseConfig(File, parseJsonObject(await readFile(path, 'utf8'), path), path).dataSets;
}

const distinct = (dataSets: readonly TrainedOn[]): TrainedOn[] => [
  ...new Map(dataSets.map((it) => [JSON.stringify(it), it])).values(),
];

/** What is told of a set. */
export async function describePictures(dataset: PictureSet): Promise<NonNullable<TrainedOn['set']>> {
  const plain = plainSet(dataset);
  const pictures = plain.records.filter(({ split }) => split === 'train').length;
  return {
    pictures,
    concepts: plain.concepts.size,
    composed: dataset.records.length - plain.records.length,
    heldOut: plain.records.length - pictures,
    styles: [...new Set(plain.records.map(({ style }) => style))].filter((style) => style !== ''),
    digest: await dataset.digest(),
  };
}
