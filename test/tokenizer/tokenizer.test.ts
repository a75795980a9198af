import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadTokenizer, type Tokenizer } from '../../src/engine/networks/tokenizer.ts';
import { InputError } from '../../src/errors.ts';

const GOLDEN = 'test/golden/tokenizer';
const [START, END] = [8188, 8189];
let folder: string;
let tokenizer: Tokenizer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tokenizer-'));
  tokenizer = await loadTokenizer(GOLDEN);
});
afterAll(() => rm(folder, { recursive: true }));

/** A copy of the golden folder with some files written anew, or taken away. */
async function folderWith(files: Record<string, string | undefined>): Promise<string> {
  const copy = await mkdtemp(join(folder, 'copy-'));
  await cp(GOLDEN, copy, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    if (text === undefined) await rm(join(copy, name));
    else await writeFile(join(copy, name), text);
  }
  return copy;
}

describe('encode', () => {
  test('any text becomes maxLength ids: start, text, end, padding', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme', maxLength: 60 })), (text) => {
        const { ids, attentionMask } = tokenizer.encode(text);
        expect(ids).toHaveLength(32);
        expect(ids[0]).toBe(START);
        const length = attentionMask.reduce((a, b) => a + b, 0);
        expect(attentionMask).toEqual([...Array(length).fill(1), ...Array(32 - length).fill(0)]);
        expect(ids.slice(length - 1).every((id) => id === END)).toBe(true);
      }),
    );
  });

  test('a lone surrogate is no reason to throw', () => {
    expect(tokenizer.encode('\ud800 heart').ids).toHaveLength(32);
  });

  test('says which end of a long text was left out', () => {
    const words = (count: number) => Array<string>(count).fill('red heart').join(' ');
    expect(tokenizer.encode(words(15)).overflow).toBeUndefined();
    expect(tokenizer.encode(`${words(15)} blue`).overflow).toBe('blue');
    expect(tokenizer.encode(`${words(15)} blue, and a cat!`).overflow).toBe('blue , and a cat !');
  });

  test('case, spacing and the kind of sigma make no difference', () => {
    for (const [one, other] of [
      ['Red  HEART', 'red heart'],
      ['a\u0085b\u00a0c', 'a b c'],
      ['ΟΔΟΣ', 'οδοσ'],
    ]) {
      expect(tokenizer.encode(one!)).toEqual(tokenizer.encode(other!));
    }
  });
});

describe('loadTokenizer', () => {
  test('takes a tokenizer.json where there is one', async () => {
    const vocab = { '<|startoftext|>': 0, '<|endoftext|>': 1, a: 2, 'a</w>': 3 };
    const definition = {
      added_tokens: [],
      normalizer: { type: 'Lowercase' },
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
      post_processor: { type: 'RobertaProcessing', cls: ['<|startoftext|>', 0], sep: ['<|endoftext|>', 1] },
      decoder: { type: 'ByteLevel' },
      model: { type: 'BPE', unk_token: '<|endoftext|>', end_of_word_suffix: '</w>', vocab, merges: [] },
    };
    const copy = await folderWith({ 'tokenizer.json': JSON.stringify(definition), 'vocab.json': undefined });
    expect((await loadTokenizer(copy)).encode('A').ids.slice(0, 4)).toEqual([0, 3, 1, 1]);
  });

  test('pads with the pad token, however it is written', async () => {
    const config = { model_max_length: 5, pad_token: { content: '!', lstrip: false } };
    const copy = await folderWith({ 'tokenizer_config.json': JSON.stringify(config) });
    expect((await loadTokenizer(copy)).encode('').ids).toEqual([START, END, 0, 0, 0]);
  });

  test.each([
    [{ 'vocab.json': undefined }, 'expected tokenizer.json, or vocab.json'],
    [{ 'merges.txt': undefined }, 'merges.txt: missing file'],
    [{ 'tokenizer_config.json': undefined }, 'tokenizer_config.json: missing file'],
    [{ 'vocab.json': '{"a": 1' }, 'vocab.json: not valid JSON'],
    [{ 'vocab.json': '[1]' }, 'vocab.json: expected a JSON object, found [1]'],
    [{ 'vocab.json': '{"a": 1}' }, 'vocab.json: <|startoftext|> is missing'],
    [{ 'merges.txt': '#version: 0.2\na b c\n' }, 'merges.txt: expected two tokens, found a b c'],
    [{ 'tokenizer_config.json': '{}' }, 'model_max_length: expected number, found nothing'],
    [
      { 'tokenizer_config.json': '{"model_max_length": 8, "tokenizer_class": "T5Tokenizer"}' },
      'tokenizer_config.json: tokenizer_class: expected "CLIPTokenizer" or "CLIPTokenizerFast", found "T5Tokenizer"',
    ],
    [
      { 'tokenizer_config.json': '{"model_max_length": 1e30}' },
      'model_max_length: expected at most 10000, found 1e+30',
    ],
    [{ 'tokenizer_config.json': '{"model_max_length": 8, "pad_token": "[PAD]"}' }, 'the pad token [PAD] has no id'],
    [{ 'tokenizer.json': '{"model": 3}' }, 'tokenizer.json'],
  ])('refuses a folder with %j', async (files, message) => {
    const copy = await folderWith(files);
    await expect(loadTokenizer(copy)).rejects.toThrow(InputError);
    await expect(loadTokenizer(copy)).rejects.toThrow(message);
  });
});
