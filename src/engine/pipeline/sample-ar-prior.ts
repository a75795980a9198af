import { middlesOf } from '../pca/codes.ts';
import { type PrincipalComponents, unwhiten } from '../pca/components.ts';
import type { TorchGenerator } from '../random/torch-generator.ts';
import type { ArPrior } from '../runtime/networks/ar-prior.ts';
import { rows, type Tensor, tensor } from '../tensor.ts';
import { batchRows } from './batch-rows.ts';
import { stackTexts, type TextCondition } from './clip.ts';

/** The autoregressive prior, opened. */
export interface ArPriorStage {
  /** Codes (R, K), drawn with the numbers of `Draws`. */
  readonly drawCodes: (draws: Draws) => Promise<Tensor>;
  readonly network: ArPrior;
  readonly components: PrincipalComponents;
}

/** What R rows of codes are drawn from. The random numbers come along, so that pictures can share the runs of the network. */
interface Draws extends TextCondition {
  /** R each: bucket of z_i·z_t, guidance scale. */
  readonly similarity: readonly number[];
  readonly guidanceScale: readonly number[];
  /** What guidance leads away from, as `TextCondition` and `similarity`. */
  readonly awayEmbedding: Tensor;
  readonly awayHidden: Tensor;
  readonly awayMask: Tensor;
  readonly awaySimilarity: readonly number[];
  /** (R, K), uniform in [0, 1). */
  readonly random: Tensor;
}

/** @param maxRows  rows in one run of the network; a row under guidance has two */
export function arPriorStage(network: ArPrior, components: PrincipalComponents, maxRows: number): ArPriorStage {
  return { network, components, drawCodes: batchRows((draws) => drawCodes(network, draws), Math.ceil(maxRows / 2)) };
}

export interface ArPriorRequest {
  /** R rows, one for each embedding. */
  readonly text: TextCondition;
  /** What guidance leads away from, R rows too. */
  readonly unconditional: TextCondition;
  /** Is that the empty text? It has no z_i·z_t. */
  readonly isUnconditionalEmpty: boolean;
  /** 1 or less: no guidance. */
  readonly guidanceScale: number;
  readonly generator: TorchGenerator;
  readonly signal?: AbortSignal;
}

/**
 * The autoregressive prior, Ramesh et al. 2022, section 2.2: z_i ~ P(z_i | text), (R, E), one principal component after
 * another. The network is told a z_i·z_t from the upper half of those of real pictures.
 */
export async function sampleArPrior(stage: ArPriorStage, request: ArPriorRequest): Promise<Tensor> {
  const { text, unconditional, guidanceScale, generator, signal } = request;
  const { num_codes, num_buckets, num_similarities } = stage.network.config;
  const rowCount = text.textEmbedding.shape[0]!;
  const half = num_similarities / 2;
  const similarity = Array.from(generator.rand([rowCount]).data, (u) => half + Math.floor(u * half));
  signal?.throwIfAborted();
  const codes = await stage.drawCodes({
    ...text,
    similarity,
    guidanceScale: Array<number>(rowCount).fill(Math.max(1, guidanceScale)),
    awayEmbedding: unconditional.textEmbedding,
    awayHidden: unconditional.textHidden,
    awayMask: unconditional.textMask,
    awaySimilarity: request.isUnconditionalEmpty ? Array<number>(rowCount).fill(num_similarities) : similarity,
    random: generator.rand([rowCount, num_codes]),
  });
  signal?.throwIfAborted();
  return unwhiten(stage.components, middlesOf(codes, num_buckets));
}

async function drawCodes(network: ArPrior, draws: Draws): Promise<Tensor> {
  const { random, guidanceScale } = draws;
  const [rowCount, codeCount] = random.shape as [number, number];
  const text: TextCondition = draws;
  const away = { textEmbedding: draws.awayEmbedding, textHidden: draws.awayHidden, textMask: draws.awayMask };
  const guided = guidanceScale.some((scale) => scale !== 1);
  const writer = await network.begin({
    ...stackTexts(guided ? [away, text] : [text]),
    similarity: guided ? [...draws.awaySimilarity, ...draws.similarity] : draws.similarity,
  });
  const codes = new Float32Array(rowCount * codeCount);
  let { logits } = writer;
  for (let k = 0; k < codeCount; k++) {
    if (k > 0) logits = await writer.next(lastCodes(codes, k, codeCount, guided));
    for (const [row, guidedLogits] of guideRows(logits, guidanceScale).entries()) {
      codes[row * codeCount + k] = drawFrom(guidedLogits, random.data[row * codeCount + k]!);
    }
  }
  return tensor(codes, [rowCount, codeCount]);
}

/** Code k − 1 of each row; under guidance the rows are there twice. */
function lastCodes(codes: Float32Array, k: number, codeCount: number, guided: boolean): number[] {
  const last = Array.from({ length: codes.length / codeCount }, (_, row) => codes[row * codeCount + k - 1]!);
  return guided ? [...last, ...last] : last;
}

/**
 * Classifier-free guidance of distributions: log P = away + scale·(text − away), but for a constant.
 * @param logits  (R, V), or (2R, V) with those to lead away from first
 */
function guideRows(logits: Tensor, scales: readonly number[]): Float32Array[] {
  const row = (i: number) => rows(logits, i, i + 1).data;
  if (logits.shape[0] === scales.length) return scales.map((_, i) => row(i));
  return scales.map((scale, i) => {
    const away = row(i);
    return row(scales.length + i).map((text, v) => away[v]! + scale * (text - away[v]!));
  });
}

/** The first value at which the cumulative distribution exceeds `u`. */
function drawFrom(logits: Float32Array, u: number): number {
  const highest = logits.reduce((a, b) => Math.max(a, b));
  const weights = logits.map((logit) => Math.exp(logit - highest));
  let left = u * weights.reduce((a, b) => a + b);
  const drawn = weights.findIndex((weight) => {
    left -= weight;
    return left < 0;
  });
  return drawn === -1 ? logits.length - 1 : drawn;
}
