import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import type { Tensor } from '../../tensor.ts';
import type { Dice } from '../dice.ts';
import { digestOf, keptIn, sayAgain } from '../kept-file.ts';
import { concatenated } from '../tasks/pictures.ts';
import { fetchSentenceModel, openSentenceModel } from './sentence-model.ts';

/** For each of many words the concepts that it is nearest to in meaning. */
export interface Neighbours {
  /** (N, K): numbers of names */
  readonly nearest: Tensor;
  /** (N, K): softmax of their similarities; sum 1 */
  readonly weights: Tensor;
}

/** Words that a text encoder is to know, and what they mean. */
export interface Vocabulary {
  readonly words: readonly string[];
  /** Of a data set's concepts that have pictures to learn from. */
  readonly names: readonly string[];
  /** Of the words, among the names. */
  readonly neighbours: Neighbours;
}

/**
 * The number of a word, the likelier the clearer it is what it is nearest to, by the cube of the nearest name's weight: much
 * of a dictionary can't be drawn.
 */
export function drawWord({ weights: { data, shape } }: Neighbours, dice: Dice): number {
  const [words, count] = shape as [number, number];
  for (;;) {
    const word = dice.below(words);
    // the first is the nearest
    if (dice.chance(data[word * count]! ** 3)) return word;
  }
}

const NEAREST = 8;
/** Temperature of the softmax: a name that is 0.1 nearer weighs seven times as much. */
const TEMPERATURE = 0.05;
const ROWS = 1024;

/**
 * Neighbours of words among names in a sentence model's space. They are kept in a file, and computed again when words or
 * names are others.
 * @param words  as the model is shown them
 */
export async function loadNeighbours(
  tf: TensorFlow,
  path: string,
  words: readonly string[],
  names: readonly string[],
  say: (line: string) => void,
): Promise<Neighbours> {
  const kept = await keptIn(path, digestOf(JSON.stringify([words, names])), sayAgain(say), async () => {
    const neighbours = await computeNeighbours(tf, words, names, say);
    return new Map(Object.entries(neighbours));
  });
  return { nearest: kept.get('nearest')!, weights: kept.get('weights')! };
}

async function computeNeighbours(
  tf: TensorFlow,
  words: readonly string[],
  names: readonly string[],
  say: (line: string) => void,
): Promise<Neighbours> {
  const model = await openSentenceModel(tf, await fetchSentenceModel(say));
  const meanings: Float32Array[] = [];
  const tenth = Math.ceil(words.length / 10);
  while (meanings.length < words.length) {
    say(`meanings of ${meanings.length} of ${words.length} words`);
    meanings.push(...(await model.embed(words.slice(meanings.length, meanings.length + tenth))));
  }
  return findNeighbours(tf, meanings, await model.embed(names));
}

/** @param words and names, embeddings of length 1 */
export async function findNeighbours(
  tf: TensorFlow,
  words: readonly Float32Array[],
  names: readonly Float32Array[],
): Promise<Neighbours> {
  const count = Math.min(NEAREST, names.length);
  const nearest = new Float32Array(words.length * count);
  const weights = new Float32Array(words.length * count);
  const candidates = matrix(tf, names);
  for (let from = 0; from < words.length; from += ROWS) {
    const found = tf.tidy(() => {
      const similarity = tf.matMul(matrix(tf, words.slice(from, from + ROWS)), candidates, false, true);
      const { values, indices } = tf.topk(similarity, count);
      return { indices, weights: tf.softmax(tf.div(values, TEMPERATURE)) };
    });
    nearest.set(await found.indices.data(), from * count);
    weights.set(await found.weights.data(), from * count);
    tf.dispose(found);
  }
  candidates.dispose();
  const shape = [words.length, count];
  return { nearest: { data: nearest, shape }, weights: { data: weights, shape } };
}

const matrix = (tf: TensorFlow, rows: readonly Float32Array[]) =>
  tf.tensor2d(concatenated(rows), [rows.length, rows[0]!.length]);
