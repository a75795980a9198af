import type { Clip } from '../../pipeline/clip.ts';
import type { Movq } from '../../runtime/networks/movq.ts';
import { concatRows } from '../../tensor.ts';
import { conceptNames } from '../../training/data/compose/composed-set.ts';
import type { Dataset } from '../../training/data/dataset.ts';
import { psnrRgb } from '../../training/tasks/movq.ts';
import { indicesOf, onWhite } from '../../training/tasks/pictures.ts';
import { largest, products, unitRows } from '../../vectors.ts';
import type { Figure } from './figures.ts';
import { countRight, describeNew } from './new-drawings.ts';
import { rgbaFromTensor, tensorFromRgba } from './pictures.ts';

type OnProgress = (done: number, total: number) => void;

/** Mean over all held-out pictures of the PSNR of what the autoencoder makes of them, in dB. */
export async function measureMovq(movq: Movq, dataset: Dataset, onProgress: OnProgress): Promise<Figure> {
  const heldOut = [...indicesOf(dataset, 'held-out-concept'), ...indicesOf(dataset, 'held-out-pair')];
  if (heldOut.length === 0) return { value: null, reason: 'the data set is too small to hold pictures out' };
  let [sum, drawn] = [0, 0];
  for (const [done, index] of heldOut.entries()) {
    const picture = dataset.read(index);
    const latents = await movq.encode(tensorFromRgba(picture, movq.config.in_channels));
    const copy = rgbaFromTensor(await movq.decode(latents));
    sum += psnrRgb(picture, copy);
    drawn += psnrRgb(picture, copy, 'drawn');
    onProgress(done + 1, heldOut.length);
  }
  const [value, ofDrawn] = [sum / heldOut.length, drawn / heldOut.length];
  return { value, note: `${heldOut.length} pictures; ${ofDrawn.toFixed(1)} dB without what is empty around the thing` };
}

/** Share of the pictures of held-out pairs to which, of the names of all concepts, their own is nearest. */
export async function measureClip(clip: Clip, dataset: Dataset, onProgress: OnProgress): Promise<Figure> {
  const heldOut = indicesOf(dataset, 'held-out-pair');
  if (heldOut.length === 0) return { value: null, reason: 'the data set has no held-out pairs' };
  const names = conceptNames(dataset);
  const total = names.length + heldOut.length;
  const embeddings = [];
  for (const name of names) {
    embeddings.push((await clip.encodeTexts([name])).textEmbedding);
    onProgress(embeddings.length, total);
  }
  const texts = unitRows(concatRows(embeddings));
  const isRight = new Map<number, boolean>();
  for (const [done, index] of heldOut.entries()) {
    const picture = await clip.embedPixels(clip.preprocess(onWhite(dataset.read(index))));
    const nearest = names[largest(products(texts, picture.data))];
    isRight.set(index, nearest === dataset.concepts.get(dataset.records[index]!.concept)!.name);
    onProgress(names.length + done + 1, total);
  }
  const { right, all, ofNew } = countRight(dataset, isRight);
  const note = [`${right} of ${all} pictures, among ${names.length} names`, ...(ofNew ? [describeNew(ofNew)] : [])];
  return { value: right / all, note: note.join('; ') };
}
