import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BertConfig, bert } from '../../src/engine/networks/bert.ts';
import { ClipTextConfig, clipText } from '../../src/engine/networks/clip-text.ts';
import type { Tokenizer } from '../../src/engine/networks/tokenizer.ts';
import { TfjsOps } from '../../src/engine/ops/tfjs-ops.ts';
import type { PictureSet } from '../../src/engine/training/data/picture-set.ts';
import { parametersOf, trainStep } from '../../src/engine/training/loop.ts';
import { openOptimizer } from '../../src/engine/training/optimizer/open-optimizer.ts';
import { initialState } from '../../src/engine/training/optimizer/optimizer.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import type { ClipConfig } from '../../src/engine/training/tasks/clip-encoders.ts';
import { embedTexts } from '../../src/engine/training/tasks/clip-figures.ts';
import { distilTask } from '../../src/engine/training/tasks/distil.ts';
import type { Features } from '../../src/engine/training/tasks/features.ts';
import { findNeighbours } from '../../src/engine/training/teacher/neighbours.ts';
import { readSafetensors } from '../../src/engine/weights/safetensors.ts';
import { tensorflow as tf } from './tensorflow-js.ts';

test("BERT's encoder computes what transformers' BertModel does", async () => {
  const dir = join(import.meta.dirname, 'fixtures', 'bert-tiny');
  const config = BertConfig.parse(JSON.parse(await readFile(join(dir, 'config.json'), 'utf8')));
  const tensors = await readSafetensors(join(dir, 'model.safetensors'));
  const parameters = Parameters.ofTensors(tensors);
  const weights = parameters.weights(parameters.tensors(tf, parameters.import(tensors, dir)));
  const found = bert(
    new TfjsOps(tf),
    weights,
    config,
  )({
    ids: tf.tensor2d([1, 4, 7, 2, 3, 19, 0, 5], [2, 4], 'int32'),
    positions: tf.tensor2d([0, 1, 2, 3], [1, 4], 'int32'),
    segments: tf.zeros([1, 4], 'int32'),
  });
  expect(found.shape).toEqual([2, 4, 8]);
  expect(found.dataSync()).toBeAllClose(tensors.get('expected')!.data, { atol: 1e-5 });
});

test('the neighbours of a word are the names of the highest cosine, and the nearest weighs most', async () => {
  const unit = (degrees: number) =>
    Float32Array.of(Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180));
  const names = [0, 40, 90].map(unit);
  const { nearest, weights } = await findNeighbours(tf, [30, 80].map(unit), names);
  expect([...nearest.data]).toEqual([1, 0, 2, 2, 1, 0]);
  expect(nearest.shape).toEqual([2, 3]);
  const [first, second] = [weights.data.subarray(0, 3), weights.data.subarray(3)];
  expect(first[0]! + first[1]! + first[2]!).toBeCloseTo(1);
  const cosine = (degrees: number) => Math.cos((degrees * Math.PI) / 180);
  expect(first[1]! / first[0]!).toBeCloseTo(Math.exp((cosine(30) - cosine(10)) / 0.05));
  expect(second[0]).toBeGreaterThan(second[1]!);
});

const NAMES = ['cat', 'dog', 'sun'];
const WORDS = [...NAMES, 'puppy'];
const WIDTH = 8;
const [START, END, LENGTH] = [WORDS.length, WORDS.length + 1, 4];
const tokenizer = {
  encode: (text: string) => ({ ids: [START, WORDS.indexOf(text), END, END] }),
} as unknown as Tokenizer;
const text = ClipTextConfig.parse({
  ...{ vocab_size: END + 1, hidden_size: WIDTH, intermediate_size: 8, projection_dim: WIDTH, num_hidden_layers: 1 },
  ...{ num_attention_heads: 2, max_position_embeddings: LENGTH, eos_token_id: END },
});
const config = { text } as ClipConfig;

test('a word that no caption holds moves to the concept that the model of language finds it near to', async () => {
  const dataset = {
    records: NAMES.map((name) => ({ concept: name, name, style: '', split: 'train', captions: [name] })),
    concepts: new Map(NAMES.map((name) => [name, { name, keywords: [], synonyms: [], hypernyms: [], hyponyms: [] }])),
  } as unknown as PictureSet;
  const ops = new TfjsOps(tf);
  const inputs = {
    ids: tf.zeros([1, LENGTH], 'int32'),
    positions: tf.zeros([1, LENGTH], 'int32'),
    ends: tf.tensor1d([2], 'int32'),
  };
  const clip = Parameters.of(ops, (weights) => clipText(ops, weights, text)(inputs));
  const trained = clip.initialise(5, (_, shape) => (shape.length > 1 ? { normal: 1 } : undefined));
  const weights = clip.weights(clip.tensors(tf, trained));
  const from = { tokenizer, clip: config, weights, initialise: clip.startingFrom(trained) };
  // pictures lie where their names do
  const ofNames = await embedTexts(tf, weights, config, tokenizer, NAMES);
  const embeddings = Float32Array.from(ofNames.flatMap((row) => [...row]));
  const features = { embeddings: { data: embeddings, shape: [NAMES.length, WIDTH] } } as Partial<Features> as Features;
  const neighbours = {
    nearest: { data: Float32Array.of(0, 1, 2, 1), shape: [4, 1] },
    weights: { data: Float32Array.of(1, 1, 1, 1), shape: [4, 1] },
  };
  const vocabulary = { words: WORDS, names: NAMES, neighbours };
  const task = await distilTask(tf, dataset, features, from, vocabulary, { horizon: 100, seed: 0 });
  const parameters = await parametersOf(tf, task);
  const values = parameters.initialise(0, task.initialise);
  expect(values).toEqual(trained);
  expect(task.startsFrom).toBe('clip');
  const hurried = { ...task, optimizer: { ...task.optimizer, learningRate: 0.02, warmup: 1 } };
  const optimizer = openOptimizer(tf, parameters, initialState(values), hurried.optimizer);
  const step = () => trainStep({ tf, task: hurried, parameters, optimizer });
  const first = await step();
  let last = first;
  for (let i = 0; i < 30; i++) last = await step();
  expect(last.ofWords!).toBeLessThan(first.ofWords! / 3);
  expect(last.ofCaptions!).toBeLessThan(first.ofCaptions! + 0.05);
}, 60_000);
