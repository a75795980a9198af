import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  chooseByHash,
  hyponymQuestions,
  pairQuestions,
  promptQuestions,
} from '../../src/engine/evaluation/report/questions.ts';
import { SHEET_PROMPTS } from '../../src/engine/evaluation/report/sheet-prompts.ts';
import { Dataset } from '../../src/engine/training/data/dataset.ts';
import { isHeldOutHyponym } from '../../src/engine/training/data/wordnet.ts';
import { writeTinyDataset } from './tiny-dataset.ts';

const words = Array.from({ length: 400 }, (_, i) => `word ${i}`);
const [unseen, other, keyword] = words.filter(isHeldOutHyponym) as [string, string, string];
const seen = words.find((word) => !isHeldOutHyponym(word))!;

let dir: string;
let dataset: Dataset;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-questions-'));
  await writeTinyDataset(
    dir,
    [
      { name: 'dog', hyponyms: [unseen, seen, keyword] },
      { name: 'dog face', hyponyms: [unseen] },
      { name: 'sun', keywords: [keyword] },
      { name: 'speaker high volume', hyponyms: [other] },
    ],
    [
      { concept: 'dog', style: 'flat', split: 'train' },
      { concept: 'dog', style: 'striped', split: 'held-out-pair' },
      { concept: 'sun', style: 'striped', split: 'held-out-pair' },
    ],
  );
  dataset = new Dataset(dir);
});
afterAll(async () => {
  dataset.close();
  await rm(dir, { recursive: true });
});

test('what is asked for never changes: the smallest hashes', () => {
  expect(chooseByHash(['cat', 'dog', 'sun', 'moon'], 3, 'prompt')).toEqual(
    chooseByHash(['moon', 'sun', 'dog', 'cat'], 3, 'prompt'),
  );
  // computed with Python's hashlib
  expect(chooseByHash(['cat', 'dog', 'sun', 'moon'], 4, 'prompt')).toEqual(['sun', 'cat', 'dog', 'moon']);
});

test('names are asked for with four seeds each', () => {
  const questions = promptQuestions(dataset, new Set(['dog', 'sun']));
  expect(questions).toHaveLength(8);
  expect(questions.filter(({ prompt }) => prompt === 'dog').map(({ seed }) => seed)).toEqual([0, 1, 2, 3]);
});

test('held-out pairs are asked for with their style, where the judge knows the concept', () => {
  expect(pairQuestions(dataset, new Set(['dog']))).toEqual([
    { prompt: 'dog, striped style', seed: 0, concepts: ['dog'], style: 'striped' },
    { prompt: 'dog, striped style', seed: 1, concepts: ['dog'], style: 'striped' },
  ]);
});

test('hyponyms are words of no caption, and any concept that has them is right', () => {
  const questions = hyponymQuestions(dataset, new Set(['dog', 'dog face', 'speaker high volume']));
  expect([...new Set(questions.map(({ prompt }) => prompt))]).toEqual([unseen]);
  expect(questions[0]!.concepts).toEqual(['dog', 'dog face']);
});

test('the contact sheet has 64 prompts, each once', () => {
  expect(new Set(SHEET_PROMPTS).size).toBe(64);
});
