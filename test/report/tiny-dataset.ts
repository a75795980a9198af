import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DATASET_FILES } from '../../src/engine/training/data/dataset.ts';
import { PICTURE_BYTES, PICTURE_SIZE } from '../../src/engine/training/data/rasterise.ts';

export interface TinyPicture {
  readonly concept: string;
  readonly style: string;
  readonly split: 'train' | 'held-out-pair' | 'held-out-concept';
}

interface TinyConcept {
  readonly name: string;
  /** The name where absent. */
  readonly id?: string;
  readonly hyponyms?: readonly string[];
  readonly keywords?: readonly string[];
}

/** Writes a data set: each concept has a colour; in the style "striped" every other broad stripe is white. */
export async function writeTinyDataset(
  dir: string,
  concepts: readonly TinyConcept[],
  pictures: readonly TinyPicture[],
): Promise<string> {
  await mkdir(dir, { recursive: true });
  const lines = (objects: readonly object[]) => objects.map((object) => `${JSON.stringify(object)}\n`).join('');
  const ids = concepts.map(({ id, name }) => id ?? name);
  const drawn = pictures.map(({ concept, style }) => drawTiny(ids.indexOf(concept), style));
  await writeFile(join(dir, DATASET_FILES.pictures), Buffer.concat(drawn));
  await writeFile(
    join(dir, DATASET_FILES.metadata),
    lines(pictures.map((it) => ({ name: concepts[ids.indexOf(it.concept)]!.name, ...it }))),
  );
  await writeFile(
    join(dir, DATASET_FILES.concepts),
    lines(concepts.map((it) => ({ id: it.name, keywords: [], synonyms: [], hyponyms: [], hypernyms: [], ...it }))),
  );
  return dir;
}

const COLOURS = [
  [220, 30, 30],
  [30, 160, 60],
  [30, 60, 220],
] as const;

export function drawTiny(concept: number, style: string): Uint8Array {
  const picture = new Uint8Array(PICTURE_BYTES).fill(255);
  for (let i = 0; i < PICTURE_BYTES / 4; i++) {
    const inStripe = style === 'striped' && Math.floor((i % PICTURE_SIZE) / 32) % 2 === 0;
    if (!inStripe) picture.set(COLOURS[concept % COLOURS.length]!, 4 * i);
  }
  return picture;
}
