import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeJson } from '../weights/write-model.ts';
import { type BytePairVocabulary, END_OF_TEXT, START_OF_TEXT } from './bpe.ts';

/** Written last. */
const CONFIG = 'tokenizer_config.json';

/** Does a whole tokenizer lie there? */
export const isTokenizer = (folder: string): boolean => existsSync(join(folder, CONFIG));

/** Writes a tokenizer as transformers' CLIPTokenizer has it: vocab.json, merges.txt and its configuration. */
export async function writeTokenizer(
  folder: string,
  { vocab, merges }: BytePairVocabulary,
  maxLength: number,
): Promise<void> {
  const special = { bos_token: START_OF_TEXT, eos_token: END_OF_TEXT, unk_token: END_OF_TEXT, pad_token: END_OF_TEXT };
  const config = {
    ...special,
    add_prefix_space: false,
    do_lower_case: true,
    errors: 'replace',
    model_max_length: maxLength,
    tokenizer_class: 'CLIPTokenizer',
  };
  await mkdir(folder, { recursive: true });
  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  await write('vocab.json', JSON.stringify(Object.fromEntries(vocab)));
  await write('merges.txt', `#version: 0.2\n${merges.map((pair) => `${pair.join(' ')}\n`).join('')}`);
  await writeJson(join(folder, 'special_tokens_map.json'), special);
  await writeJson(join(folder, CONFIG), config);
}
