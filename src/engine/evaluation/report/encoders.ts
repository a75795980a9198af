import type { Clip } from '../../pipeline/clip.ts';
import type { Movq } from '../../runtime/networks/movq.ts';
import { concatRows } from '../../tensor.ts';
import { conceptNames } from '../../training/data/compose/composed-set.ts';
import type { Dataset } from '../../training/data/dataset.ts';
import { psnrRgb } from '../../training/tasks/movq.ts';
import { indicesOf, onWhite } from '../../training/tasks/pictures.ts';
import { largest, products, unitRows } from '../../vectors.ts';
import type { Figure } from './figures.ts';
import { rgbaFromTensor, tensorFromRgba } from './pictures.ts';

type OnProgress = (done: number, total: number) => void;

/** Mean over all held-out pictures of the PSNR of what the autoencoder makes of them, in dB. */
export async function measureMovq(movq: Movq, dataset: Dataset, onProgress: OnProgress): Promise<Figure> {
  const heldOut = [...indicesOf(dataset, 'held-out-concept'), ...indicesOf(dataset, 'held-out-pair')];
  if (heldOut.length === 0) return { value: null, reason: 'the data set is too small to hold pictures out' };
  let sum = 0;
  for (const [done, index] of heldOut.entries()) {
    const picture = dataset.read(index);
    const latents = await movq.encode(tensorFromRgba(picture, movq.config.in_channels));
    sum += psnrRgb(picture, rgbaFromTensor(await movq.decode(latents)));
    onProgress(done + 1, heldOut.length);
  }
  return { value: sum / heldOut.length, note: `${heldOut.length} pictures` };
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
  let right = 0;
  for (const [done, index] of heldOut.entries()) {
    const picture = await clip.embedPixels(clip.preprocess(onWhite(dataset.read(index))));
    const nearest = names[largest(products(texts, picture.data))];
    if (nearest === dataset.concepts.get(dataset.records[index]!.concept)!.name) right++;
    onProgress(names.length + done + 1, total);
  }
  return { value: right / heldOut.length, note: `${right} of ${heldOut.length} pictures, among ${names.length} names` };
}
