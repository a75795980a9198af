import { beforeAll, expect, test } from 'vitest';
import { ArPriorConfig } from '../../src/engine/networks/ar-prior.ts';
import { ClipTextConfig, clipText } from '../../src/engine/networks/clip-text.ts';
import type { Tokenizer } from '../../src/engine/networks/tokenizer.ts';
import { TfjsOps } from '../../src/engine/ops/tfjs-ops.ts';
import { findComponents } from '../../src/engine/pca/components.ts';
import { tensor } from '../../src/engine/tensor.ts';
import type { PictureSet } from '../../src/engine/training/data/picture-set.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { parametersOf, trainStep } from '../../src/engine/training/loop.ts';
import { openOptimizer } from '../../src/engine/training/optimizer/open-optimizer.ts';
import { initialState } from '../../src/engine/training/optimizer/optimizer.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import { isSetUp } from '../../src/engine/training/setup/setup.ts';
import type { Task } from '../../src/engine/training/task.ts';
import { arPriorConfig, arPriorTask } from '../../src/engine/training/tasks/ar-prior.ts';
import type { ClipConfig, FrozenText } from '../../src/engine/training/tasks/clip-encoders.ts';
import type { Features } from '../../src/engine/training/tasks/features.ts';
import { loadTensorFlow } from '../../src/engine/training/tensorflow.ts';
import { tensorflow as javascript } from './tensorflow-js.ts';

const READY = isSetUp('cpu') || isSetUp('gpu');
const tf = READY ? await loadTensorFlow() : javascript;

const WIDTH = 8;
const NAMES = ['cat', 'dog', 'sun', 'key'];
const [START, END, LENGTH] = [4, 5, 4];

/** Four concepts, ten pictures each, whose embeddings lie close around one of their own. */
const centres = new Dice(1, 0).normal([NAMES.length, WIDTH]).data;
const noise = new Dice(2, 0).normal([10 * NAMES.length, WIDTH]).data;
const embeddings = tensor(
  noise.map((x, i) => 3 * centres[i % centres.length]! + 0.1 * x),
  [10 * NAMES.length, WIDTH],
);
const pictures = {
  records: Array.from({ length: 10 * NAMES.length }, (_, i) => {
    const name = NAMES[i % NAMES.length]!;
    return { concept: name, name, style: '', split: 'train', captions: [name] };
  }),
  concepts: new Map(NAMES.map((name) => [name, {}])),
} as unknown as PictureSet;
const features = { embeddings } as Features;

const textConfig = ClipTextConfig.parse({
  ...{ vocab_size: 6, hidden_size: WIDTH, intermediate_size: 8, projection_dim: WIDTH, num_hidden_layers: 1 },
  ...{
    num_attention_heads: 2,
    max_position_embeddings: LENGTH,
    bos_token_id: START,
    eos_token_id: END,
    pad_token_id: END,
  },
});
const tokenizer = {
  encode(text: string) {
    const words = text === '' ? [] : [NAMES.indexOf(text)];
    const ids = [START, ...words, END];
    const padding = Array<number>(LENGTH - ids.length);
    return { ids: [...ids, ...padding.fill(END)], attentionMask: [...ids.map(() => 1), ...padding.fill(0)] };
  },
} as unknown as Tokenizer;

function frozenText(): FrozenText {
  const ops = new TfjsOps(tf);
  const inputs = {
    ids: tf.zeros([1, 2], 'int32'),
    positions: tf.tensor2d([0, 1], [1, 2], 'int32'),
    ends: tf.tensor1d([1], 'int32'),
  };
  const parameters = Parameters.of(ops, (weights) => clipText(ops, weights, textConfig)(inputs));
  const values = parameters.initialise(3, (_, shape) => (shape.length === 2 ? { normal: 0.5 } : undefined));
  const clip = { text: textConfig } as ClipConfig;
  return { tokenizer, clip, weights: parameters.weights(parameters.tensors(tf, values)) };
}

let task: Task;
beforeAll(async () => {
  const config = ArPriorConfig.parse({
    ...{ num_attention_heads: 2, attention_head_dim: 8, num_layers: 1, embedding_dim: WIDTH, num_embeddings: LENGTH },
    ...{ num_codes: 3, num_buckets: 32, num_similarities: 4 },
  });
  const options = { horizon: 200, seed: 0 };
  task = (await arPriorTask(tf, pictures, features, findComponents(embeddings), frozenText(), config, options)) as Task;
});

test.skipIf(!READY)('it learns which codes a caption has', { timeout: 60_000 }, async () => {
  const parameters = await parametersOf(tf, task);
  const hurried = { ...task, optimizer: { ...task.optimizer, learningRate: 0.02, warmup: 1 } };
  const optimizer = openOptimizer(tf, parameters, initialState(parameters.initialise(0)), hurried.optimizer);
  const step = async () => (await trainStep({ tf, task: hurried, parameters, optimizer })).loss!;
  const first = await step();
  expect(first).toBeCloseTo(Math.log(32), 0);
  let last = first;
  for (let i = 0; i < 100; i++) last = await step();
  expect(last).toBeLessThan(first / 2);
});

test('the same step has the same batch, and some captions are empty', () => {
  const batch = (step: number) => task.batch(step) as { isEmpty: boolean[]; codes: Float32Array };
  expect(batch(4)).toEqual(batch(4));
  expect(batch(4).codes).not.toEqual(batch(5).codes);
  expect(Array.from({ length: 10 }, (_, step) => batch(step).isEmpty).flat()).toContain(true);
});

test('as many components are predicted as hold all but a hundredth of the variance', () => {
  const points = new Dice(5, 0).normal([500, WIDTH]).data.map((x, i) => (i % WIDTH < 2 ? x : 0.001 * x));
  const components = findComponents(tensor(points, [500, WIDTH]));
  const clip = { text: { ...textConfig, num_attention_heads: 2 } } as ClipConfig;
  expect(arPriorConfig(clip, components)).toMatchObject({ num_codes: 2, num_embeddings: LENGTH, embedding_dim: WIDTH });
});
