import { join } from 'node:path';
import { InputError } from '../../../errors.ts';
import type { Model } from '../../pipeline/model.ts';
import { openModel } from '../../pipeline/open-model.ts';
import { TorchGenerator } from '../../random/torch-generator.ts';
import { concatRows, rows, type Tensor, tensor } from '../../tensor.ts';
import { cosine, largest, products, unitRows } from '../../vectors.ts';
import { namesStyle, styledCaption } from '../data/captions.ts';
import { plainSet } from '../data/compose/composed-set.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { Dice } from '../dice.ts';
import { digestOf, keptIn, sayAgain } from '../kept-file.ts';
import { picturesByConcept } from './clip.ts';
import { captionOf } from './encode-captions.ts';
import { type Embeddings, gatherRows } from './features.ts';
import { indicesOf, onWhite } from './pictures.ts';

/** What a model's prior makes of captions: where it errs, a decoder that has seen pictures' own embeddings alone errs more. */
export interface PriorEmbeddings {
  /** (M, P): z_i, one for each text. */
  readonly embeddings: Tensor;
  /** The picture to draw from each. */
  readonly pictures: readonly number[];
}

/** A text for the prior, and a picture that it tells of. */
export interface PriorText {
  readonly text: string;
  readonly picture: number;
}

/** Of the cosine of the model's z_i of a picture and that of the runs' CLIP. */
const SAME_CLIP = 0.999;

/**
 * z_i by the prior of a model folder, with that model's own settings, for captions of each picture of training. They are
 * kept in the runs folder, as making them takes minutes.
 * @param see        CLIP's encoder of pictures, as an export of the runs has it
 * @param onProgress is called with how many texts are done, of how many
 * @throws InputError where the model has no prior, or another CLIP than the runs
 */
export async function loadPriorEmbeddings(
  dir: string,
  dataset: PictureSet,
  seen: Embeddings,
  see: (picture: Uint8Array) => Promise<Tensor>,
  runs: string,
  onProgress: (done: number, total: number) => void,
  say: (line: string) => void,
): Promise<PriorEmbeddings> {
  const texts = priorTexts(dataset);
  const model = await openModel(dir);
  try {
    await expectSameClip(model, dir, see, dataset.read(texts[0]!.picture));
    const probe = await sample(model, 'a', 0);
    const origin = digestOf(JSON.stringify(texts), new Map([['probe', probe]]));
    const kept = await keptIn(join(runs, 'prior-embeddings.safetensors'), origin, sayAgain(say), async () => {
      const made: Tensor[] = [];
      for (const [seed, { text }] of texts.entries()) {
        made.push(await sample(model, text, seed));
        onProgress(made.length, texts.length);
      }
      return new Map([['embeddings', concatRows(made)]]);
    });
    const embeddings = kept.get('embeddings')!;
    return { embeddings, pictures: picturesOf(texts, embeddings, dataset, seen) };
  } finally {
    await model.close();
  }
}

/** @param seed of the noise, which is each caption's own */
async function sample(model: Model, prompt: string, seed: number): Promise<Tensor> {
  const { imageEmbedding } = await model.embedText({ prompt, prior: 'diffusion' }, new TorchGenerator(seed));
  return imageEmbedding;
}

async function expectSameClip(
  model: Model,
  dir: string,
  see: (picture: Uint8Array) => Promise<Tensor>,
  picture: Uint8Array,
) {
  const { data: own } = await see(picture);
  const { data } = await model.embedPicture(onWhite(picture));
  if (data.length !== own.length || cosine(data, own) < SAME_CLIP)
    throw new InputError(`${dir} has another CLIP than the runs: --prior wants a model that was exported from them`);
}

/** Of each picture of training a caption, and where it has a style one that names it; of compositions no more than there are others. */
export function priorTexts(dataset: PictureSet): PriorText[] {
  const dice = new Dice(0, 0);
  const plain = indicesOf(plainSet(dataset), 'train');
  const composed = indicesOf(dataset, 'train').slice(plain.length, 2 * plain.length);
  return [...plain, ...composed].flatMap((picture) => {
    const { name, style, captions } = dataset.records[picture]!;
    const texts = [captionOf(dataset, picture, dice)];
    if (style !== '' && captions === undefined) texts.push(styledCaption(name, style, dice));
    return texts.map((text) => ({ text, picture }));
  });
}

/**
 * The picture to draw from what the prior has made of each text: that which the text tells of where its style is named, as
 * the embedding holds little of the style and the decoder has to learn to see it; else of its concept's pictures the
 * nearest by cosine, as the prior may have thought of another style.
 */
export function picturesOf(
  texts: readonly PriorText[],
  made: Tensor,
  dataset: PictureSet,
  { embeddings }: Embeddings,
): number[] {
  const byConcept = picturesByConcept(dataset);
  const unit = unitRows(embeddings);
  return texts.map(({ text, picture }, row) => {
    const { concept, style } = dataset.records[picture]!;
    if (namesStyle(text, style)) return picture;
    const others = byConcept.get(concept)!;
    const ofOthers = tensor(gatherRows(unit, others), [others.length, unit.shape[1]!]);
    return others[largest(products(ofOthers, rows(made, row, row + 1).data))]!;
  });
}
