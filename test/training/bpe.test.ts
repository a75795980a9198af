import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadTokenizer } from '../../src/engine/networks/tokenizer.ts';
import { learnBytePairs } from '../../src/engine/training/bpe.ts';
import { writeTokenizer } from '../../src/engine/training/tokenizer-folder.ts';

const repeat = (text: string, count: number) => Array<string>(count).fill(text);

/** Sennrich et al. 2016, figure 1. */
const CORPUS = [...repeat('low', 5), ...repeat('lower', 2), ...repeat('newest', 6), ...repeat('widest', 3)];

test("the paper's example: the commonest pair first, the first of equals", () => {
  const { merges } = learnBytePairs(CORPUS, 514 + 5);
  expect(merges).toEqual([
    ['e', 's'],
    ['es', 't</w>'],
    ['l', 'o'],
    ['e', 'w'],
    ['ew', 'est</w>'],
  ]);
});

test('ids: bytes, bytes at the end of a word, merges, start and end of text', () => {
  const { vocab } = learnBytePairs(CORPUS, 514 + 3);
  expect(vocab.size).toBe(517);
  expect([vocab.get('!'), vocab.get('!</w>'), vocab.get('es'), vocab.get('<|startoftext|>')]).toEqual([
    0, 256, 512, 515,
  ]);
});

test('a corpus without more pairs gives a smaller vocabulary', () => {
  expect(learnBytePairs(['ab'], 1000).vocab.size).toBe(515);
});

test('the folder opens as a CLIP tokenizer, for any text', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'unclip-tokenizer-'));
  await writeTokenizer(folder, learnBytePairs(CORPUS, 514 + 5), 8);
  const tokenizer = await loadTokenizer(folder);
  await rm(folder, { recursive: true });
  const [start, end] = [517, 518];
  expect(tokenizer.tokenize('Newest')).toEqual([start, 77, 516, end]);
  expect(tokenizer.encode('é 🐶').ids).toHaveLength(8);
  expect(tokenizer.encode('').ids).toEqual([start, ...repeat(String(end), 7).map(Number)]);
});
