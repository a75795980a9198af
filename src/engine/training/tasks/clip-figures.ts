import type * as tfjs from '@tensorflow/tfjs-core';
import type { Tokenizer } from '../../networks/tokenizer.ts';
import type { Weights } from '../../ops/ops.ts';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import { dot } from '../../vectors.ts';
import { nameWithStyle } from '../data/captions.ts';
import { conceptNames, plainSet } from '../data/compose/composed-set.ts';
import { contactSheet, sheetRow } from '../data/contact-sheet.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { type ClipConfig, embedPixels, embedTokens } from './clip-encoders.ts';
import { wholePictures } from './clip-preprocess.ts';
import { evaluated } from './evaluated.ts';
import { evenly, indicesOf, judgedPictures } from './pictures.ts';

type T = tfjs.Tensor;

const ROWS = 64;
const JUDGED = 256;
/** Pictures among which those of a text are looked for. */
const GALLERY = 768;
/** Captions on the sheet, and the pictures that are shown of those found for each. */
const SHOWN = 10;
const FOUND = 10;

/** Share of held-out pairs and of training pictures whose concept's name is nearest of all names; a sheet of captions. */
export async function clipFigures(
  tf: TensorFlow,
  { text, vision }: { readonly text: Weights<T>; readonly vision: Weights<T> },
  config: ClipConfig,
  dataset: PictureSet,
  tokenizer: Tokenizer,
) {
  const plain = plainSet(dataset);
  const names = conceptNames(dataset);
  const texts = await embedTexts(tf, text, config, tokenizer, names);
  const images = (indices: readonly number[]) =>
    embedInRows(tf, indices, (rows) =>
      embedPixels(
        tf,
        vision,
        config,
        wholePictures(
          rows.map((index) => dataset.read(index)),
          config.vision.image_size,
        ),
      ),
    );

  const top1 = async (indices: readonly number[]) => {
    const nearest = nearestRows(await images(indices), texts);
    const right = indices.filter(
      (index, i) => names[nearest[i]![0]!] === dataset.concepts.get(dataset.records[index]!.concept)!.name,
    );
    return right.length / indices.length;
  };
  const judged = judgedPictures(dataset, 'held-out-pair', Number.POSITIVE_INFINITY);
  return {
    figures: {
      ...judged.name({ top1: await top1(judged.indices) }),
      trainTop1: await top1(evenly(indicesOf(plain, 'train'), JUDGED)),
    },
    sheet: await sheetOfCaptions(plain, (captions) => embedTexts(tf, text, config, tokenizer, captions), images),
  };
}

/** Captions of pictures that were held out, if there are any; beside each its picture and those that are nearest to it. */
async function sheetOfCaptions(
  plain: PictureSet,
  ofTexts: (texts: readonly string[]) => Promise<Float32Array[]>,
  ofPictures: (indices: readonly number[]) => Promise<Float32Array[]>,
): Promise<Buffer> {
  const shown = judgedPictures(plain, 'held-out-pair', SHOWN).indices;
  const labels = shown.map((index) => nameWithStyle(plain.records[index]!.name, plain.records[index]!.style));
  const gallery = [...new Set([...shown, ...evenly([...plain.records.keys()], GALLERY)])];
  const found = nearestRows(await ofTexts(labels), await ofPictures(gallery));
  const pictures = shown.flatMap((index, row) => {
    const nearest = found[row]!.slice(0, FOUND).map((i) => plain.read(gallery[i]!));
    return [...sheetRow([plain.read(index)], 2), ...sheetRow(nearest, FOUND)];
  });
  return contactSheet(pictures, { columns: 2 + FOUND, size: 64, labels });
}

/** Embeddings of many texts, length 1 each. */
export const embedTexts = (
  tf: TensorFlow,
  weights: Weights<T>,
  config: ClipConfig,
  tokenizer: Tokenizer,
  texts: readonly string[],
): Promise<Float32Array[]> =>
  embedInRows(tf, texts, (rows) =>
    embedTokens(
      tf,
      weights,
      config,
      rows.map((text) => tokenizer.encode(text).ids),
    ),
  );

/** Embeddings of a long list, some rows at a time. */
async function embedInRows<Item>(
  tf: TensorFlow,
  items: readonly Item[],
  embed: (rows: readonly Item[]) => T,
): Promise<Float32Array[]> {
  const all: Float32Array[] = [];
  for (let from = 0; from < items.length; from += ROWS) {
    const { data, shape } = await evaluated(tf, () => embed(items.slice(from, from + ROWS)));
    const width = shape[1]!;
    for (let at = 0; at < data.length; at += width) all.push(data.subarray(at, at + width));
  }
  return all;
}

/** For each query the numbers of all candidates, the most similar first. */
export function nearestRows(queries: readonly Float32Array[], candidates: readonly Float32Array[]): number[][] {
  return queries.map((query) => {
    const similarity = candidates.map((candidate) => dot(candidate, query));
    return [...candidates.keys()].sort((a, b) => similarity[b]! - similarity[a]!);
  });
}
