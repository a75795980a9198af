import { createHash } from 'node:crypto';
import { nameWithStyle } from '../../training/data/captions.ts';
import type { Dataset } from '../../training/data/dataset.ts';
import { uncaptionedHyponyms } from '../../training/data/hyponyms.ts';
import { indicesOf } from '../../training/tasks/pictures.ts';

/** A text to draw, and what the picture should show. */
export interface Question {
  readonly prompt: string;
  readonly seed: number;
  /** Names of concepts, any of which is right. */
  readonly concepts: readonly string[];
  /** Where one is asked for. */
  readonly style?: string;
}

const PROMPTS = 100;
const HYPONYMS = 50;
/** Pictures a prompt: seeds 0, 1, … */
const PICTURES = { prompt: 4, pair: 2, hyponym: 4 };

type Ask = (dataset: Dataset, known: ReadonlySet<string>) => Question[];

/** The names of 100 concepts of training. */
export const promptQuestions: Ask = (_, known) =>
  chooseByHash([...known], PROMPTS, 'prompt').flatMap((name) =>
    withSeeds(PICTURES.prompt, { prompt: name, concepts: [name] }),
  );

/** All pairs of a concept and a style that were held out: both known, never seen together. */
export const pairQuestions: Ask = (dataset, known) =>
  indicesOf(dataset, 'held-out-pair').flatMap((index) => {
    const { concept, style } = dataset.records[index]!;
    const { name } = dataset.concepts.get(concept)!;
    if (!known.has(name)) return [];
    return withSeeds(PICTURES.pair, { prompt: nameWithStyle(name, style), concepts: [name], style });
  });

/** 50 words for kinds of a concept that are in no caption. */
export const hyponymQuestions: Ask = (dataset, known) => {
  const concepts = uncaptionedHyponyms(dataset.concepts.values(), known);
  return chooseByHash([...concepts.keys()], HYPONYMS, 'hyponym').flatMap((word) =>
    withSeeds(PICTURES.hyponym, { prompt: word, concepts: concepts.get(word)! }),
  );
};

/** `count` of a list, always the same and of no one's choice: those with the smallest SHA-256 of `salt`, a space and itself. */
export function chooseByHash(list: readonly string[], count: number, salt: string): string[] {
  const hashed = list.map((text) => ({ text, hash: createHash('sha256').update(`${salt} ${text}`).digest('hex') }));
  return hashed
    .sort((a, b) => (a.hash < b.hash ? -1 : 1))
    .slice(0, count)
    .map(({ text }) => text);
}

/** The figures of drawn pictures, which the judge judges. */
export const DRAWN = ['prompt_top1', 'pair_top1', 'hyponym_top1'] as const;
export type Drawn = (typeof DRAWN)[number];
export const QUESTIONS: Record<Drawn, { readonly ask: Ask; readonly stage: string }> = {
  prompt_top1: { ask: promptQuestions, stage: 'names' },
  pair_top1: { ask: pairQuestions, stage: 'pairs' },
  hyponym_top1: { ask: hyponymQuestions, stage: 'hyponyms' },
};

const withSeeds = (count: number, question: Omit<Question, 'seed'>): Question[] =>
  Array.from({ length: count }, (_, seed) => ({ ...question, seed }));
