import type * as tfjs from '@tensorflow/tfjs-core';
import { ArPriorConfig, arPrior } from '../../networks/ar-prior.ts';
import type { Weights } from '../../ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import { codesOf } from '../../pca/codes.ts';
import { enoughFor, type PrincipalComponents, whiten } from '../../pca/components.ts';
import { tensor } from '../../tensor.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { Dice, evaluationDice } from '../dice.ts';
import type { Task, TaskOptions } from '../task.ts';
import { type CaptionedPictures, captionedPictures } from './captioned-pictures.ts';
import type { ClipConfig, FrozenText } from './clip-encoders.ts';
import { type Captions, captionEncoder, drawCaptions, tokenize } from './encode-captions.ts';
import { evaluated, evaluatedNumber } from './evaluated.ts';
import { type Embeddings, gatherRows } from './features.ts';
import { evenly, indicesOf, judgedPictures } from './pictures.ts';
import { arPriorSampler, type DrawPriorSheet } from './prior-samples.ts';

type T = tfjs.Tensor;

/** Of the variance of z_i, in the components that are predicted: as in the paper. */
const EXPLAINED = 0.99;

/** As large as the diffusion prior. */
export function arPriorConfig({ text }: ClipConfig, components: PrincipalComponents): ArPriorConfig {
  return ArPriorConfig.parse({
    num_attention_heads: text.num_attention_heads,
    attention_head_dim: text.hidden_size / text.num_attention_heads,
    num_layers: 6,
    embedding_dim: text.projection_dim,
    num_embeddings: text.max_position_embeddings,
    num_codes: enoughFor(components, EXPLAINED),
    num_buckets: 1024,
    num_similarities: 32,
  });
}

/** Parameters with a row for each code. */
const BY_CODE = new Set(['code_embedding', 'proj_to_codes.weight']);
/** Of the waves that they start as, over all codes. */
const MOST_PERIODS = 16;

/**
 * A table (codes, width) whose columns are waves of random length: rows of neighbouring codes are alike from the first step.
 * As large as torch's uniform start, variance 1/(3·width).
 */
function waves(codes: number, width: number, seed: number): Float32Array {
  const dice = new Dice(seed, 0);
  const columns = Array.from({ length: width }, () => [dice.uniform() * MOST_PERIODS, dice.uniform()] as const);
  const amplitude = Math.sqrt(2 / (3 * width));
  return Float32Array.from({ length: codes * width }, (_, i) => {
    const [periods, phase] = columns[i % width]!;
    return amplitude * Math.cos(2 * Math.PI * ((periods * Math.floor(i / width)) / codes + phase));
  });
}

/** Pictures by whose z_i·z_t the buckets are made. */
const SAMPLED = 2048;

const JUDGED = 128;
const BATCH = 64;

/**
 * Standard deviation of what is added to z_i before it is quantised, in those of each component: neighbouring buckets mean
 * nearly the same.
 */
const JITTER = 0.05;

interface Batch extends Captions {
  /** (B, P): z_i */
  readonly embeddings: Float32Array;
  /** (B, K) */
  readonly codes: Float32Array;
  /** Is the caption of a row empty? */
  readonly isEmpty: readonly boolean[];
}

/**
 * The autoregressive prior learns the codes of z_i, each from the caption, z_t, z_i·z_t and the codes before it
 * (Ramesh et al. 2022, 2.2); cross-entropy, in nats a code.
 * @param text its encoder is not trained
 * @param draw a sheet of pictures, for evaluation, where there is a decoder
 */
export async function arPriorTask(
  tf: TensorFlow,
  dataset: PictureSet,
  features: Embeddings,
  components: PrincipalComponents,
  text: FrozenText,
  config: ArPriorConfig,
  { horizon, seed }: TaskOptions,
  draw?: DrawPriorSheet,
): Promise<Task<Batch>> {
  const ops = new TfjsOps(tf);
  const training = indicesOf(dataset, 'train');
  const drawCaptioned = captionedPictures(dataset, text.vocabulary);
  const judged = judgedPictures(dataset, 'held-out-pair', JUDGED);
  const encode = captionEncoder(tf, text);
  const sample = arPriorSampler(tf, text, config, components);
  const edges = await similarityEdges();

  function batchOf({ indices, captions }: CaptionedPictures, dice: Dice, jitter: number): Batch {
    const embeddings = gatherRows(features.embeddings, indices);
    const { data, shape } = whiten(
      components,
      tensor(embeddings, [indices.length, config.embedding_dim]),
      config.num_codes,
    );
    const noise = dice.normal(shape).data;
    return {
      ...tokenize(text, captions),
      isEmpty: captions.map((caption) => caption === ''),
      embeddings,
      codes: codesOf(
        tensor(
          data.map((x, i) => x + jitter * noise[i]!),
          shape,
        ),
        config.num_buckets,
      ).data,
    };
  }

  /** cos(z_i, z_t), (B, 1). */
  function similarities(embeddings: Float32Array, textEmbedding: T): T {
    const z = tf.tensor(embeddings, textEmbedding.shape);
    const lengths = tf.mul(tf.norm(z, 2, 1, true), tf.norm(textEmbedding, 2, 1, true));
    return tf.div(tf.sum(tf.mul(z, textEmbedding), 1, true), lengths);
  }

  /** Edges between buckets of z_i·z_t that are equally frequent in this data set, whatever the seed: what is high means is theirs. */
  async function similarityEdges(): Promise<number[]> {
    const sampled = evenly(training, SAMPLED);
    const found: number[] = [];
    for (let from = 0; from < sampled.length; from += BATCH) {
      const indices = sampled.slice(from, from + BATCH);
      const captions = tokenize(text, drawCaptions(dataset, indices, new Dice(0, from)));
      const embeddings = gatherRows(features.embeddings, indices);
      found.push(...(await evaluated(tf, () => similarities(embeddings, encode(captions).textEmbedding))).data);
    }
    const sorted = found.sort((a, b) => a - b);
    const { num_similarities: count } = config;
    return Array.from({ length: count - 1 }, (_, i) => sorted[Math.floor(((i + 1) * sorted.length) / count)]!);
  }

  function lossOf(weights: Weights<T>, batch: Batch): tfjs.Scalar {
    const count = batch.ids.length;
    const condition = encode(batch);
    const above = tf.greaterEqual(
      similarities(batch.embeddings, condition.textEmbedding),
      tf.tensor(edges, [1, edges.length]),
    );
    const bucket = tf.sum(tf.cast(above, 'int32'), 1, true);
    const isEmpty = tf.tensor2d([...batch.isEmpty], [count, 1], 'bool');
    const similarity = tf.where(isEmpty, tf.fill([count, 1], config.num_similarities, 'int32'), bucket);
    const codes = tf.tensor2d(batch.codes, [count, config.num_codes], 'int32');
    const network = arPrior(ops, weights, config, condition.textHidden.shape[1]);
    const logits = network.all({ ...condition, similarity }, codes);
    const labels = tf.oneHot(tf.reshape(codes, [-1]) as tfjs.Tensor1D, config.num_buckets);
    return tf.losses.softmaxCrossEntropy(labels, tf.reshape(logits, labels.shape as [number, number]));
  }

  return {
    name: 'ar-prior',
    batchSize: BATCH,
    optimizer: {
      learningRate: 6e-4,
      warmup: 200,
      horizon,
      average: 0.999,
      beta1: 0.9,
      beta2: 0.91,
      eps: 1e-10,
      weightDecay: 0.04,
      maxNorm: 1,
    },
    initialise: (name, shape) =>
      BY_CODE.has(name) ? { values: waves(...(shape as [number, number]), seed) } : undefined,
    batch(step) {
      const dice = new Dice(seed, step);
      return batchOf(drawCaptioned(BATCH, dice), dice, JITTER);
    },
    loss: (weights, batch) => ({ total: lossOf(weights, batch), parts: {} }),
    async evaluate(weights) {
      const dice = evaluationDice();
      const batch = batchOf(
        { indices: judged.indices, captions: drawCaptions(dataset, judged.indices, dice) },
        dice,
        0,
      );
      const loss = await evaluatedNumber(tf, () => lossOf(weights, batch));
      const sheet = await draw?.((caption) => sample(weights, caption));
      return { figures: judged.name({ loss }), sheet };
    },
  };
}
