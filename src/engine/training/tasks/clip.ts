import type * as tfjs from '@tensorflow/tfjs-core';
import { InputError } from '../../../errors.ts';
import { clipVision } from '../../networks/clip-vision.ts';
import type { Tokenizer } from '../../networks/tokenizer.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import { namesStyle, styledCaption } from '../data/captions.ts';
import { plainSet } from '../data/compose/composed-set.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { Dice } from '../dice.ts';
import type { Initialiser } from '../parameters.ts';
import type { Task, TaskOptions } from '../task.ts';
import { recurringNames } from './classifier.ts';
import { type ClipConfig, embedTokens, unitLength } from './clip-encoders.ts';
import { clipFigures } from './clip-figures.ts';
import { crossEntropy, NO_LABEL } from './cross-entropy.ts';
import { captionOf } from './encode-captions.ts';
import { localAttention } from './local-attention.ts';
import { concatenated, indicesOf } from './pictures.ts';
import { type Teacher, teaching } from './teaching.ts';
import { drawKind, randomView } from './views.ts';

/** Concepts that count as neighbours. */
const NEIGHBOURHOOD = 320;

interface Batch {
  /** (B, S, S, 3): pictures in [−1, 1]. */
  readonly pixels: Float32Array;
  /** Token ids, with end of text and padding. */
  readonly texts: readonly (readonly number[])[];
  /** (B, B): 1 where the column's text fits the row's picture too, though it is another one's. */
  readonly fitting: Float32Array;
  /** (B): numbers of the concepts. */
  readonly concepts: readonly number[];
  /** (2B): numbers of the styles, of the gentle views and then of the texts that name one. */
  readonly styles: readonly number[];
}

/** Of a batch, the share that are second pictures of its concepts, in another style. */
const SECOND = 0.25;
/** How often the captions of such pairs name the style, besides those that do anyway. */
const STYLED = 0.5;
/** Added to a logit that counts neither for nor against. */
const IGNORED = -1e9;

/** Of the styles in the loss, which the gentle half of the views tells; that of the concepts counts once. */
const STYLE_WEIGHT = 2;

/** Of CLIP, and of either encoder that is trained further; rate and horizon are each one's own. */
export const CLIP_OPTIMIZER = {
  average: 0.999,
  beta1: 0.9,
  beta2: 0.98,
  eps: 1e-8,
  weightDecay: 0.1,
  maxNorm: 1,
} as const;

/** What CLIP learns from besides pictures and captions. */
export interface ClipTeaching {
  /**
   * From which the encoder of pictures learns how alike concepts look, and to generalise as convolutions do (DeiT, Touvron et
   * al. 2021, with soft labels): the same view of a picture shall be as near to each concept as it says. Its layers get hints.
   */
  readonly teacher?: Teacher | undefined;
  /** (C, P), in the order of `namesWithVectors`: what the concepts' vectors start from where CLIP has learned without them. */
  readonly nameVectors?: Float32Array | undefined;
}

/** Whether concepts have several pictures each, so that finding them among all can be learned: half of them two at least. */
export function conceptsRecur(dataset: PictureSet): boolean {
  const plain = plainSet(dataset);
  const names = recurringNames(plain).length;
  return names >= 2 && names >= picturesByName(plain).size / 2;
}

/**
 * CLIP (Radford et al. 2021) from scratch: InfoNCE in both directions, learned temperature.
 * Where concepts have several pictures each, as emoji in several styles do, both encoders also learn to find the concept
 * among all, by a vector of each (Movshovitz-Attias et al. 2017: proxies): a batch alone shows a few of them. Where there are
 * several styles, they have such vectors too. These vectors are no part of the model.
 * Some concepts are in a batch twice, in two styles: where nothing has to be told apart by its style, z_i forgets it. A caption
 * that names the style is wrong for the other picture; one that doesn't is right for both.
 */
export function clipTask(
  tf: TensorFlow,
  dataset: PictureSet,
  tokenizer: Tokenizer,
  config: ClipConfig,
  { horizon, seed }: TaskOptions,
  { teacher, nameVectors }: ClipTeaching = {},
): Task<Batch> {
  const batchSize = 128;
  const byName = [...picturesByName(dataset).values()];
  const names = namesWithVectors(dataset);
  const styles = stylesOf(plainSet(dataset));
  const recurring = conceptsRecur(dataset);
  if (byName.length < 2) {
    throw new InputError(
      `CLIP learns to tell captions apart: it needs pictures with at least two, found ${byName.length}`,
    );
  }
  const { image_size: size } = config.vision;
  const hasStyles = recurring && styles.length > 1;
  const teach = teacher && teaching(tf, teacher, names, config.vision);
  const visionStart = localAttention(config.vision);

  /** Pictures of different concepts, and behind these second pictures of some of the same, in another style. */
  function pickPictures(dice: Dice): { concepts: number[]; indices: number[] } {
    const firsts = pickConcepts(byName, names.length, hasStyles ? (1 - SECOND) * batchSize : batchSize, dice);
    const concepts = [...firsts];
    const indices = firsts.map((concept) => dice.pick(byName[concept]!));
    for (const [i, concept] of hasStyles ? firsts.entries() : []) {
      if (concepts.length === batchSize) break;
      const { style } = dataset.records[indices[i]!]!;
      const others = byName[concept]!.filter((index) => dataset.records[index]!.style !== style);
      if (others.length === 0) continue;
      concepts.push(concept);
      indices.push(dice.pick(others));
    }
    return { concepts, indices };
  }

  return {
    name: 'clip',
    batchSize: Math.min(batchSize, byName.length),
    optimizer: { ...CLIP_OPTIMIZER, learningRate: 1e-3, warmup: 200, horizon },
    initialise: (name, shape) => {
      if (name === 'concepts' && nameVectors) return { values: nameVectors };
      return name.startsWith('vision_model.') ? visionStart(name, shape) : clipStart(name, shape);
    },
    onlyInTraining: [...VECTORS, 'concept_scale', 'style_scale', 'teacher_scale', ...(teach?.onlyInTraining ?? [])],

    batch(step) {
      const dice = new Dice(seed, step);
      const { concepts, indices } = pickPictures(dice);
      const isPaired = concepts.map((concept) => concepts.indexOf(concept) !== concepts.lastIndexOf(concept));
      const captions = indices.map((index, i) => {
        const { name, style, captions } = dataset.records[index]!;
        const isStyled = isPaired[i] && captions === undefined && dice.chance(STYLED);
        return isStyled ? styledCaption(name, style, dice) : captionOf(dataset, index, dice);
      });
      const texts = captions.map((caption) => tokenizer.encode(caption).ids);
      const kinds = indices.map(() => drawKind(dice));
      const views = indices.map((index, i) =>
        randomView(dataset.read(index), dataset.records[index]!.name, size, dice, kinds[i]!),
      );
      const inStyle = indices.map((index) => styles.indexOf(dataset.records[index]!.style));
      const shown = inStyle.map((style, i) => (kinds[i] === 'gentle' ? style : NO_LABEL));
      const named = inStyle.map((style, i) => (namesStyle(captions[i]!, styles[style] ?? '') ? style : NO_LABEL));
      const fitting = Float32Array.from({ length: indices.length ** 2 }, (_, at) => {
        const [picture, text] = [Math.floor(at / indices.length), at % indices.length];
        return Number(picture !== text && concepts[picture] === concepts[text] && named[text] === NO_LABEL);
      });
      return { pixels: concatenated(views), texts, fitting, concepts, styles: [...shown, ...named] };
    },

    loss(weights, batch) {
      const { pixels, texts, fitting, concepts } = batch;
      const pictures = tf.tensor4d(pixels, [concepts.length, size, size, 3]);
      const seen = clipVision(new TfjsOps(tf), weights, config.vision)(pictures);
      const images = unitLength(tf, seen.embedding);
      const words = embedTokens(tf, weights, config, texts);
      // no sharper than 1/100, as in the paper
      const scale = tf.exp(tf.minimum(weights.get('logit_scale', [1]), Math.log(100)));
      const ignored = tf.mul(tf.tensor2d(fitting, [texts.length, texts.length]), IGNORED);
      const logits = tf.add(tf.mul(tf.matMul(images, words, false, true), scale), ignored);
      const ofImages = crossEntropyOfDiagonal(tf, logits);
      const ofTexts = crossEntropyOfDiagonal(tf, tf.transpose(logits));
      const contrast = tf.mul(0.5, tf.add(ofImages, ofTexts)) as tfjs.Scalar;
      const parts = { ofImages, ofTexts, scale: tf.reshape(scale, []) as tfjs.Scalar };
      if (!recurring) return { total: contrast, parts };
      const embeddings = tf.concat([images, words]);
      const similarityTo = (name: string, count: number) =>
        tf.matMul(embeddings, unitLength(tf, weights.get(name, [count, config.text.projection_dim])), false, true);
      const sharpened = (similarity: tfjs.Tensor, scale: string) => tf.mul(similarity, tf.exp(weights.get(scale, [1])));
      const labels = concepts.map((concept) => (concept < names.length ? concept : NO_LABEL));
      const similarity = similarityTo('concepts', names.length);
      const ofConcepts = crossEntropy(tf, sharpened(similarity, 'concept_scale'), [...labels, ...labels]);
      const terms: tfjs.Tensor[] = [contrast, ofConcepts];
      const figures: Record<string, tfjs.Scalar> = { ...parts, ofConcepts };
      if (hasStyles) {
        const toStyles = sharpened(similarityTo('styles', styles.length), 'style_scale');
        figures.ofStyles = crossEntropy(tf, toStyles, batch.styles);
        terms.push(tf.mul(STYLE_WEIGHT, figures.ofStyles));
      }
      if (teach) {
        // a teacher is less sure of itself than the label is
        const ofPictures = tf.slice(similarity, 0, images.shape[0] as number);
        const taught = teach.loss(weights, pictures, seen, sharpened(ofPictures, 'teacher_scale'));
        Object.assign(figures, taught.parts);
        terms.push(taught.total);
      }
      return { total: tf.addN(terms) as tfjs.Scalar, parts: figures };
    },

    evaluate: (weights) => clipFigures(tf, { text: weights, vision: weights }, config, dataset, tokenizer),
  };
}

/** Names of the concepts that have vectors, in their order: compositions stand behind them, and are one picture each. */
export const namesWithVectors = (dataset: PictureSet): string[] => [...picturesByName(plainSet(dataset)).keys()];

const stylesOf = (dataset: PictureSet): string[] => [
  ...new Set(indicesOf(dataset, 'train').map((index) => dataset.records[index]!.style)),
];

/** Numbers of the training pictures of each concept, in the order of the concepts. */
export function picturesByConcept(dataset: PictureSet): Map<string, number[]> {
  const groups = new Map<string, number[]>([...dataset.concepts.keys()].map((concept) => [concept, []]));
  for (const index of indicesOf(dataset, 'train')) groups.get(dataset.records[index]!.concept)!.push(index);
  return new Map([...groups].filter(([, pictures]) => pictures.length > 0));
}

/** The same by name, in the order of the first concept of each: an emoji and an icon called "star" show one thing. */
export function picturesByName(dataset: PictureSet): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  for (const [concept, pictures] of picturesByConcept(dataset)) {
    const { name } = dataset.concepts.get(concept)!;
    groups.set(name, [...(groups.get(name) ?? []), ...pictures]);
  }
  return groups;
}

/**
 * Different concepts, in proportion to their pictures: a concept that is twice in a batch would be told apart from itself.
 * Half of the batches come from concepts that are neighbours in their order, Unicode's for emoji: faces among faces and
 * fruit among fruit teach more than a face among fruit.
 * @param ordered so many of the concepts, the first ones, stand in that order; compositions behind them don't
 */
export function pickConcepts(
  byConcept: readonly (readonly number[])[],
  ordered: number,
  count: number,
  dice: Dice,
): number[] {
  const near = Math.max(count, NEIGHBOURHOOD);
  const start = dice.chance(0.5) ? dice.below(Math.max(1, ordered - near + 1)) : undefined;
  const pool = [...byConcept.keys()].slice(start, start === undefined ? undefined : start + near);
  const keyed = pool.map((concept) => ({
    concept,
    key: -Math.log(1 - dice.uniform()) / byConcept[concept]!.length,
  }));
  return keyed
    .sort((a, b) => a.key - b.key)
    .slice(0, count)
    .map(({ concept }) => concept);
}

/** −log softmax(row n)[n], averaged over the rows. */
export const crossEntropyOfDiagonal = (tf: TensorFlow, logits: tfjs.Tensor): tfjs.Scalar =>
  crossEntropy(tf, logits, [...Array(logits.shape[0] as number).keys()]);

/** As in the paper: a temperature of 0.07. */
export const FIRST_LOGIT_SCALE = Math.log(1 / 0.07);

/** Of concepts and styles. */
const VECTORS = ['concepts', 'styles'];

/** Of all but the encoder of pictures. */
const clipStart: Initialiser = (name, shape) => {
  if (name.endsWith('_scale')) return { constant: FIRST_LOGIT_SCALE };
  // about of length 1: longer vectors would turn too slowly
  if (VECTORS.includes(name)) return { normal: shape[1]! ** -0.5 };
  if (name.includes('embeddings.')) return { normal: 0.02 };
  return undefined;
};
