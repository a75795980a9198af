import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../../errors.ts';
import { loadTokenizer, type Tokenizer } from '../../networks/tokenizer.ts';
import { learnBytePairs } from '../bpe.ts';
import { checkpointOf } from '../checkpoint.ts';
import { sampleCaption } from '../data/captions.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { Dice } from '../dice.ts';
import { writeTokenizer } from '../tokenizer-folder.ts';
import { indicesOf } from './pictures.ts';

/** Tokens of the vocabulary at most, start and end of text among them; fewer where the captions hold fewer. */
const VOCABULARY_SIZE = 8190;
/** Length of every encoded text. */
export const TEXT_LENGTH = 32;
const CAPTIONS = 200_000;

/** Where a runs folder has its tokenizer. */
export const tokenizerFolder = (runs: string) => join(runs, 'tokenizer');

/**
 * Learns the vocabulary of the captions of the training pictures; returns the number of tokens.
 * @throws InputError where CLIP has been trained with the vocabulary that is there
 */
export async function trainTokenizer(dataset: PictureSet, runs: string, seed = 0): Promise<number> {
  if (existsSync(checkpointOf(runs, 'clip'))) {
    throw new InputError(
      `CLIP in ${runs} was trained with the vocabulary that is there: another one needs another runs folder`,
    );
  }
  const vocabulary = learnBytePairs(captions(dataset, seed), VOCABULARY_SIZE);
  await writeTokenizer(tokenizerFolder(runs), vocabulary, TEXT_LENGTH);
  return vocabulary.vocab.size;
}

/** The tokenizer of a runs folder. @throws InputError with what mends it where it is missing or damaged */
export async function openRunTokenizer(runs: string): Promise<Tokenizer> {
  const folder = tokenizerFolder(runs);
  return loadTokenizer(folder).catch((error) => {
    if (!(error instanceof InputError)) throw error;
    const mend = existsSync(checkpointOf(runs, 'clip'))
      ? `What CLIP in ${runs} has learned means nothing without it: put back a copy of the folder, which a model that was ` +
        'exported from these runs, or that they began from, has as prior_tokenizer'
      : `Delete ${folder}, and it is learned again`;
    throw new InputError(`${error.message}. ${mend}`);
  });
}

/** How many tokens the tokenizer of a runs folder has. */
export async function vocabularySize(runs: string): Promise<number> {
  return Object.keys(JSON.parse(await readFile(join(tokenizerFolder(runs), 'vocab.json'), 'utf8'))).length;
}

function* captions(dataset: PictureSet, seed: number): Generator<string> {
  const dice = new Dice(seed, 0);
  const training = indicesOf(dataset, 'train');
  for (let i = 0; i < CAPTIONS; i++) {
    const record = dataset.records[training[i % training.length]!]!;
    yield sampleCaption(record, dataset.concepts.get(record.concept)!, dice);
  }
}
