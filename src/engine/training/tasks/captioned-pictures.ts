import { plainSet } from '../data/compose/composed-set.ts';
import type { PictureSet } from '../data/picture-set.ts';
import type { Dice } from '../dice.ts';
import { drawWord, type Vocabulary } from '../teacher/neighbours.ts';
import { picturesByName } from './clip.ts';
import { captionOf } from './encode-captions.ts';
import { trainingPictures } from './pictures.ts';

/** Numbers of pictures, and a text for each. */
export interface CaptionedPictures {
  readonly indices: readonly number[];
  readonly captions: readonly string[];
}

/** How often a network learns without what it is told, so that guidance can lead away from that (Ho & Salimans 2022). */
export const DROPPED = 0.1;

/** Of the texts; the others are captions. */
const WORDS = 0.25;

/**
 * Training pictures with texts to draw them from: captions, and words of a vocabulary where the text encoder knows one. A
 * word's picture shows one of its neighbours, the likelier the nearer that is. Some texts are empty.
 */
export function captionedPictures(
  dataset: PictureSet,
  vocabulary: Vocabulary | undefined,
): (count: number, dice: Dice) => CaptionedPictures {
  const drawPicture = trainingPictures(dataset);
  const wordAndPicture = vocabulary && wordsWithPictures(dataset, vocabulary);

  function draw(dice: Dice): { index: number; caption: string } {
    if (wordAndPicture && dice.chance(WORDS)) return wordAndPicture(dice);
    const index = drawPicture(dice);
    return { index, caption: captionOf(dataset, index, dice) };
  }

  return (count, dice) => {
    const rows = Array.from({ length: count }, () => draw(dice));
    return {
      indices: rows.map(({ index }) => index),
      captions: rows.map(({ caption }) => (dice.chance(DROPPED) ? '' : caption)),
    };
  };
}

function wordsWithPictures(dataset: PictureSet, { words, names, neighbours }: Vocabulary) {
  const { nearest, weights } = neighbours;
  const count = nearest.shape[1]!;
  const pictures = picturesByName(plainSet(dataset));

  return (dice: Dice) => {
    const word = drawWord(neighbours, dice);
    const row = weights.data.subarray(word * count, (word + 1) * count);
    const name = names[nearest.data[word * count + dice.weighted(row)]!]!;
    return { index: dice.pick(pictures.get(name)!), caption: words[word]! };
  };
}
