import type * as tfjs from '@tensorflow/tfjs-core';
import { endOfText } from '../../networks/clip-text.ts';
import { PriorConfig, prior } from '../../networks/prior.ts';
import type { Weights } from '../../ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { Dice, evaluationDice } from '../dice.ts';
import type { Task, TaskOptions } from '../task.ts';
import { groupByLength } from './by-length.ts';
import { type CaptionedPictures, captionedPictures } from './captioned-pictures.ts';
import type { ClipConfig, FrozenText } from './clip-encoders.ts';
import { type Captions, captionEncoder, drawCaptions, tokenize } from './encode-captions.ts';
import { evaluatedNumber } from './evaluated.ts';
import { type Embeddings, gatherRows } from './features.ts';
import { createNoising, type NoiseLevels, PRIOR_SCHEDULER } from './noising.ts';
import type { Normalisation } from './normalisation.ts';
import { judgedPictures } from './pictures.ts';
import { type DrawPriorSheet, priorSampler } from './prior-samples.ts';

type T = tfjs.Tensor;

/** unCLIP's diffusion prior at CPU size: as wide as the text, 6 layers. */
export function priorConfig({ text }: ClipConfig): PriorConfig {
  return PriorConfig.parse({
    num_attention_heads: text.num_attention_heads,
    attention_head_dim: text.hidden_size / text.num_attention_heads,
    num_layers: 6,
    embedding_dim: text.projection_dim,
    num_embeddings: text.max_position_embeddings,
    additional_embeddings: 4,
  });
}

const JUDGED = 128;
const BATCH = 128;

interface Batch extends NoiseLevels, Captions {
  /** (B, P): z_i, normalised. */
  readonly embeddings: Float32Array;
  readonly epsilon: Float32Array;
}

function rowsOf({ ids, masks, ...values }: Batch, rows: readonly number[]): Batch {
  const pick = (data: Float32Array) => gatherRows({ data, shape: [ids.length, data.length / ids.length] }, rows);
  return {
    ids: rows.map((row) => ids[row]!),
    masks: rows.map((row) => masks[row]!),
    embeddings: pick(values.embeddings),
    epsilon: pick(values.epsilon),
    timesteps: pick(values.timesteps),
    signal: pick(values.signal),
    noise: pick(values.noise),
  };
}

/**
 * The prior learns z_i itself (Ramesh et al. 2022, 2.2) from a noised z_i, the caption's tokens and its embedding z_t;
 * squared error. Each dimension of z_i is normalised.
 * @param text its encoder is not trained
 * @param draw a sheet of pictures, for evaluation, where there is a decoder
 */
export function priorTask(
  tf: TensorFlow,
  dataset: PictureSet,
  features: Embeddings,
  normalisation: Normalisation,
  text: FrozenText,
  config: PriorConfig,
  { horizon, seed }: TaskOptions,
  draw?: DrawPriorSheet,
): Task<Batch> {
  const ops = new TfjsOps(tf);
  const { mean, deviation } = normalisation;
  const drawCaptioned = captionedPictures(dataset, text.vocabulary);
  const judged = judgedPictures(dataset, 'held-out-pair', JUDGED);
  const noising = createNoising(PRIOR_SCHEDULER);
  const encode = captionEncoder(tf, text);
  const sample = priorSampler(tf, text, config, normalisation);

  function batchOf({ indices, captions }: CaptionedPictures, dice: Dice): Batch {
    const embeddings = gatherRows(features.embeddings, indices);
    for (let i = 0; i < embeddings.length; i++) {
      const d = i % mean.data.length;
      embeddings[i] = (embeddings[i]! - mean.data[d]!) / deviation.data[d]!;
    }
    return {
      ...tokenize(text, captions),
      embeddings,
      epsilon: dice.normal([embeddings.length]).data,
      ...noising(indices.length, dice),
    };
  }

  /** Σ over groups of rows of like length, each as long as its own longest caption. */
  function lossOf(weights: Weights<T>, batch: Batch): tfjs.Scalar {
    const groups = groupByLength(endOfText(batch.ids, text.clip.text));
    const sums = groups.map((rows) => squaredError(weights, rowsOf(batch, rows)));
    return tf.div(tf.addN(sums), batch.embeddings.length) as tfjs.Scalar;
  }

  /** Σ(ẑ − z)² */
  function squaredError(weights: Weights<T>, batch: Batch): tfjs.Scalar {
    const rows = batch.ids.length;
    const perRow = (values: Float32Array) => tf.tensor(values, [rows, 1]);
    const [z, epsilon] = [batch.embeddings, batch.epsilon].map((values) =>
      tf.tensor(values, [rows, config.embedding_dim]),
    ) as [T, T];
    const text = encode(batch);
    const network = prior(ops, weights, config, text.textHidden.shape[1]);
    const predicted = network({
      sample: tf.add(tf.mul(perRow(batch.signal), z), tf.mul(perRow(batch.noise), epsilon)),
      timestep: perRow(batch.timesteps),
      ...text,
    });
    return tf.sum(tf.square(tf.sub(predicted, z))) as tfjs.Scalar;
  }

  return {
    name: 'prior',
    batchSize: BATCH,
    optimizer: {
      learningRate: 6e-4,
      warmup: 200,
      horizon,
      average: 0.999,
      beta1: 0.9,
      beta2: 0.96,
      eps: 1e-6,
      weightDecay: 0.06,
      maxNorm: 1,
    },
    batch(step) {
      const dice = new Dice(seed, step);
      return batchOf(drawCaptioned(BATCH, dice), dice);
    },
    loss: (weights, batch) => ({ total: lossOf(weights, batch), parts: {} }),
    async evaluate(weights) {
      const dice = evaluationDice();
      const batch = batchOf({ indices: judged.indices, captions: drawCaptions(dataset, judged.indices, dice) }, dice);
      const loss = await evaluatedNumber(tf, () => lossOf(weights, batch));
      const sheet = await draw?.((caption) => sample(weights, caption));
      return { figures: judged.name({ loss }), sheet };
    },
  };
}
