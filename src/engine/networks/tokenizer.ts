import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer as BytePairEncoder } from '@huggingface/tokenizers';
import { z } from 'zod';
import { InputError } from '../../errors.ts';
import { parseConfig, parseJsonObject } from '../weights/config.ts';

interface Encoding {
  /** Start token, text, end token, padded to `maxLength`. */
  readonly ids: readonly number[];
  /** 1 for tokens, 0 for padding. */
  readonly attentionMask: readonly number[];
  /** The end of the text, where it was too long; undefined where all of it fits. */
  readonly overflow: string | undefined;
}

/** CLIP's byte-pair encoding. */
export interface Tokenizer {
  /** Length of every encoding. */
  readonly maxLength: number;
  /** Ids of a text of any length between start and end token. */
  tokenize(text: string): readonly number[];
  encode(text: string): Encoding;
}

/** A special token as older and newer files write it. */
const SpecialToken = z.union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)]);

const Config = z.object({
  /** Others split words in other ways. */
  tokenizer_class: z.enum(['CLIPTokenizer', 'CLIPTokenizerFast']).default('CLIPTokenizer'),
  model_max_length: z.int().min(3).max(10_000),
  bos_token: SpecialToken.default('<|startoftext|>'),
  eos_token: SpecialToken.default('<|endoftext|>'),
  unk_token: SpecialToken.default('<|endoftext|>'),
  pad_token: SpecialToken.default('<|endoftext|>'),
});
type Config = z.infer<typeof Config>;

/**
 * Opens a tokenizer folder: `tokenizer.json`, or the `vocab.json` and `merges.txt` that it can be built from, beside
 * `tokenizer_config.json`.
 * @throws InputError for a missing or damaged file
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const config = await readConfig(folder);
  const definition = (await readJson(folder, 'tokenizer.json')) ?? (await buildDefinition(folder, config));
  const encoder = createEncoder(definition, folder);
  const pad = encoder.token_to_id(config.pad_token);
  if (pad === undefined) throw new InputError(`${folder}: the pad token ${config.pad_token} has no id`);
  return createTokenizer(encoder, config.model_max_length, pad);
}

function createTokenizer(encoder: BytePairEncoder, maxLength: number, pad: number): Tokenizer {
  // Lower case is made letter by letter. JavaScript alone would turn Σ into ς at the end of a word.
  const tokenize = (text: string) => encoder.encode(text.replaceAll('Σ', 'σ')).ids;
  const decode = (ids: number[]) =>
    encoder.decode(ids, { clean_up_tokenization_spaces: false }).replaceAll('</w>', ' ').trim();
  return {
    maxLength,
    tokenize,
    encode(text) {
      const all = tokenize(text);
      const cut = all.slice(maxLength - 1, -1);
      const ids = cut.length > 0 ? [...all.slice(0, maxLength - 1), all.at(-1)!] : all;
      const padding = Array<number>(maxLength - ids.length);
      return {
        ids: [...ids, ...padding.fill(pad)],
        attentionMask: [...ids.map(() => 1), ...padding.fill(0)],
        overflow: cut.length > 0 ? decode(cut) : undefined,
      };
    },
  };
}

async function readConfig(folder: string): Promise<Config> {
  const where = join(folder, 'tokenizer_config.json');
  const json = await readJson(folder, 'tokenizer_config.json');
  if (json === undefined) throw new InputError(`${where}: missing file`);
  // Whatever the config leaves out stands in the older file of special tokens.
  return parseConfig(Config, { ...((await readJson(folder, 'special_tokens_map.json')) ?? {}), ...json }, where);
}

/** The `tokenizer.json` that transformers makes of a CLIP vocabulary. */
async function buildDefinition(folder: string, config: Config) {
  const { bos_token, eos_token, unk_token } = config;
  const vocab = z.record(z.string(), z.int()).safeParse(await readJson(folder, 'vocab.json')).data;
  if (!vocab) throw new InputError(`${folder}: expected tokenizer.json, or vocab.json with an id a token`);
  const idOf = (token: string) => {
    if (vocab[token] === undefined) throw new InputError(`${join(folder, 'vocab.json')}: ${token} is missing`);
    return vocab[token];
  };
  const special = [...new Set([bos_token, eos_token])].map((content) => ({
    id: idOf(content),
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  return {
    version: '1.0',
    added_tokens: special,
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: WORDS }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: {
      type: 'RobertaProcessing',
      sep: [eos_token, idOf(eos_token)],
      cls: [bos_token, idOf(bos_token)],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      unk_token,
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      vocab,
      merges: await readMerges(folder),
    },
  };
}

/** What CLIP takes for a word: an English ending, letters, one digit, or other signs. */
const WORDS = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

async function readMerges(folder: string): Promise<string[][]> {
  const text = await readText(folder, 'merges.txt');
  if (text === undefined) throw new InputError(`${join(folder, 'merges.txt')}: missing file`);
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#version'));
  return lines.map((line) => {
    const pair = line.trimEnd().split(' ');
    if (pair.length !== 2) throw new InputError(`${join(folder, 'merges.txt')}: expected two tokens, found ${line}`);
    return pair;
  });
}

function createEncoder(definition: object, folder: string): BytePairEncoder {
  try {
    return new BytePairEncoder(definition, {});
  } catch (error) {
    throw new InputError(`${join(folder, 'tokenizer.json')}: ${(error as Error).message}`);
  }
}

async function readJson(folder: string, name: string): Promise<object | undefined> {
  const text = await readText(folder, name);
  return text === undefined ? undefined : parseJsonObject(text, join(folder, name));
}

/** Undefined where there is no such file. */
async function readText(folder: string, name: string): Promise<string | undefined> {
  const path = join(folder, name);
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new InputError(`${path}: ${error.message}`);
  });
}
