import { z } from 'zod';
import type { Ops, Weights } from '../ops/ops.ts';
import { count } from '../weights/config.ts';
import { layerNorm, linear, paddingBias } from './layers.ts';
import { type LayerMemory, transformerLayers } from './transformer-layer.ts';

/** config.json of an autoregressive prior, with the names of PriorTransformer where it has the same. */
export const ArPriorConfig = z.strictObject({
  num_attention_heads: count(),
  attention_head_dim: count(),
  num_layers: count(),
  /** Width of the text's tokens and of z_t. */
  embedding_dim: count(),
  /** Tokens of a text, padding too. */
  num_embeddings: count(),
  /** Principal components that are predicted, one after another. */
  num_codes: count(),
  /** Values that one can take. */
  num_buckets: count(),
  /** Buckets of z_i·z_t; one more stands for "no text". */
  num_similarities: count().multipleOf(2),
});
export type ArPriorConfig = z.infer<typeof ArPriorConfig>;

/** What z_i is predicted from. */
export interface ArPriorCondition<T> {
  /** z_t (B, D) */
  readonly textEmbedding: T;
  /** (B, N, D) */
  readonly textHidden: T;
  /** (B, N): 1 token, 0 padding */
  readonly textMask: T;
  /** (B, 1), whole: the bucket of z_i·z_t, or `num_similarities` for an empty text */
  readonly similarity: T;
}

/** Keys and values of each layer. */
export type Memory<T> = readonly LayerMemory<T>[];

/** A distribution over the buckets of one code, logits (B, num_buckets), and what the next one is predicted from. */
export interface Predicted<T> {
  readonly logits: T;
  readonly memory: Memory<T>;
}

/**
 * unCLIP's autoregressive prior (Ramesh et al. 2022, 2.2): a causal transformer over [text tokens, z_t, z_i·z_t, codes],
 * where the codes are the principal components of z_i, the largest first, in `num_buckets` steps each.
 * One table of codes and one head serve all components, which have the same scale: that of their own deviations.
 * @param textTokens  of N: those behind must be padding, which nothing sees, and are left out
 */
export function arPrior<T>(ops: Ops<T>, w: Weights<T>, c: ArPriorConfig, textTokens = c.num_embeddings) {
  const width = c.num_attention_heads * c.attention_head_dim;
  /** Places of text, z_t, z_i·z_t, codes. */
  const [before, places] = [c.num_embeddings + 2, c.num_embeddings + 1 + c.num_codes];
  const project = (name: string) => linear(ops, w.at(name), c.embedding_dim, width);
  const embedCodes = (ids: T) => ops.embedding(ids, w.get('code_embedding', [c.num_buckets, width]));
  const positions = () => w.get('positional_embedding', [places, width]);
  /** (1, M, width): of the text, and of what follows it up to place `to`. */
  const positionsUntil = (to: number) => {
    const all = ops.tokensFromParameter(positions());
    return ops.concatTokens([ops.sliceTokens(all, 0, textTokens), ops.sliceTokens(all, c.num_embeddings, to)]);
  };

  const conditionTokens = ({ textEmbedding, textHidden, similarity }: ArPriorCondition<T>) => [
    project('encoder_hidden_states_proj')(textHidden),
    ops.tokensFromVector(project('embedding_proj')(textEmbedding), 1),
    ops.embedding(similarity, w.get('similarity_embedding', [c.num_similarities + 1, width])),
  ];

  const transform = transformerLayers(ops, w, c);
  const head = (x: T) =>
    linear(ops, w.at('proj_to_codes'), width, c.num_buckets)(layerNorm(ops, w.at('norm_out'), width)(x));

  return {
    /** log P(code k | text, codes before it) for all k at once: codes (B, K) → logits (B, K, num_buckets). */
    all(condition: ArPriorCondition<T>, codes: T): T {
      const known = ops.sliceTokens(embedCodes(codes), 0, c.num_codes - 1);
      const sequence = ops.concatTokens([...conditionTokens(condition), known]);
      const { x } = transform(ops.add(sequence, positionsUntil(places)), paddingBias(ops, condition.textMask));
      return head(ops.sliceTokens(x, textTokens + 1, textTokens + 1 + c.num_codes));
    },

    /** The first code's distribution. */
    first(condition: ArPriorCondition<T>): Predicted<T> {
      const sequence = ops.add(ops.concatTokens(conditionTokens(condition)), positionsUntil(before));
      const { x, memory } = transform(sequence, paddingBias(ops, condition.textMask));
      return { logits: head(ops.takeToken(x, -1)), memory };
    },

    /**
     * The next one's.
     * @param code      the one that was drawn last, (B, 1)
     * @param position  of it in the sequence, (1, 1)
     */
    next(code: T, position: T, textMask: T, past: Memory<T>): Predicted<T> {
      const token = ops.add(embedCodes(code), ops.embedding(position, positions()));
      const { x, memory } = transform(token, paddingBias(ops, textMask), past);
      return { logits: head(ops.takeToken(x, -1)), memory };
    },
  };
}
