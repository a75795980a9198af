import { join } from 'node:path';
import { InputError } from '../../../errors.ts';
import type { Model } from '../../pipeline/model.ts';
import { openModel } from '../../pipeline/open-model.ts';
import { TorchGenerator } from '../../random/torch-generator.ts';
import { concatRows, rows, type Tensor, tensor } from '../../tensor.ts';
import { cosine, largest, products, unitRows } from '../../vectors.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { Dice } from '../dice.ts';
import { digestOf, keptIn, sayAgain } from '../kept-file.ts';
import { picturesByConcept } from './clip.ts';
import { captionOf } from './encode-captions.ts';
import { type Embeddings, gatherRows } from './features.ts';
import { indicesOf, onWhite } from './pictures.ts';

/** What a model's prior makes of captions: where it errs, a decoder that has seen pictures' own embeddings alone errs more. */
export interface PriorEmbeddings {
  /** (M, P): z_i, one for each picture of training. */
  readonly embeddings: Tensor;
  /** The picture to draw from each: of its concept's the one that is nearest to it. */
  readonly pictures: readonly number[];
}

/** Of the cosine of the model's z_i of a picture and that of the runs' CLIP. */
const SAME_CLIP = 0.999;

/**
 * z_i by the prior of a model folder, with that model's own settings, for a caption of each picture of training. They are
 * kept in the runs folder, as making them takes minutes.
 * @param see        CLIP's encoder of pictures, as an export of the runs has it
 * @param onProgress is called with the number of captions done
 * @throws InputError where the model has no prior, or another CLIP than the runs
 */
export async function loadPriorEmbeddings(
  dir: string,
  dataset: PictureSet,
  seen: Embeddings,
  see: (picture: Uint8Array) => Promise<Tensor>,
  runs: string,
  onProgress: (done: number) => void,
  say: (line: string) => void,
): Promise<PriorEmbeddings> {
  const training = indicesOf(dataset, 'train');
  const model = await openModel(dir);
  try {
    await expectSameClip(model, dir, see, dataset.read(training[0]!));
    const probe = await sample(model, 'a', 0);
    const origin = digestOf(await dataset.digest(), seen.clip, new Map([['probe', probe]]));
    const kept = await keptIn(join(runs, 'prior-embeddings.safetensors'), origin, sayAgain(say), async () => {
      const dice = new Dice(0, 0);
      const made: Tensor[] = [];
      for (const index of training) {
        made.push(await sample(model, captionOf(dataset, index, dice), index));
        onProgress(made.length);
      }
      return new Map([['embeddings', concatRows(made)]]);
    });
    const embeddings = kept.get('embeddings')!;
    return { embeddings, pictures: nearestOfConcept(embeddings, dataset, seen, training) };
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

/** For each embedding of a training picture's caption, the picture of the same concept whose own is nearest by cosine. */
export function nearestOfConcept(
  made: Tensor,
  dataset: PictureSet,
  { embeddings }: Embeddings,
  training: readonly number[],
): number[] {
  const byConcept = picturesByConcept(dataset);
  const width = embeddings.shape[1]!;
  return training.map((index, row) => {
    const { data } = rows(made, row, row + 1);
    const others = byConcept.get(dataset.records[index]!.concept)!;
    const unit = unitRows(tensor(gatherRows(embeddings, others), [others.length, width]));
    return others[largest(products(unit, data))]!;
  });
}
