import { z } from 'zod';
import type { Ops, Weights } from '../ops/ops.ts';
import { count, only } from '../weights/config.ts';
import { diffusersActivation } from './activation.ts';
import { layerNorm, linear, paddingBias } from './layers.ts';
import { sinusoidal, timestepEmbedding } from './timestep-embedding.ts';
import { type LayerMemory, transformerLayers } from './transformer-layer.ts';

/** config.json of PriorTransformer; defaults as in diffusers. */
const keys = z.strictObject({
  num_attention_heads: count().default(32),
  attention_head_dim: count().default(64),
  num_layers: count().default(20),
  embedding_dim: count().default(768),
  num_embeddings: count().default(77),
  additional_embeddings: z.literal([3, 4]).default(4),
  time_embed_act_fn: diffusersActivation().default('silu'),
  norm_in_type: z.literal([null, 'layer']).default(null),
  embedding_proj_norm_type: z.literal([null, 'layer']).default(null),
  encoder_hid_proj_type: only('linear'),
  added_emb_type: z.literal(['prd', null]).default('prd'),
  time_embed_dim: count().nullable().default(null),
  embedding_proj_dim: only(null),
  clip_embed_dim: only(null),
});
export const PriorConfig = keys.superRefine(({ added_emb_type: query, additional_embeddings: found }, context) => {
  const tokens = query === null ? 3 : 4;
  if (found === tokens) return;
  const message = `${tokens} where added_emb_type is ${JSON.stringify(query)}`;
  context.addIssue({ code: 'custom', path: ['additional_embeddings'], message });
});
export type PriorConfig = z.infer<typeof PriorConfig>;

/** What the text gives the prior. */
export interface PriorText<T> {
  /** z_t (B, D) */
  readonly textEmbedding: T;
  /** (B, N, D) */
  readonly textHidden: T;
}

/** What changes from step to step. */
export interface PriorStep<T> {
  /** z_i with noise (B, D) */
  readonly sample: T;
  /** (B, 1) */
  readonly timestep: T;
}

export interface PriorInputs<T> extends PriorText<T>, PriorStep<T> {
  /** (B, N): 1 token, 0 padding */
  readonly textMask: T;
}

/** How many tokens a step has: t, z_i and, if there is one, the query. */
export const stepTokenCount = (c: PriorConfig) => c.additional_embeddings - 1;

/**
 * unCLIP's diffusion prior (Ramesh et al. 2022, 2.2): a causal transformer over [text tokens, z_t, t, z_i, query]
 * whose last token is the predicted z_i (B, D). Without a query (added_emb_type null) z_i is the last.
 * @param textTokens  of N: those behind must be padding, which nothing sees, and are left out
 * Differs from diffusers: later tokens are out of sight, not at −10,000; the same unless a row begins with padding.
 */
export function prior<T>(ops: Ops<T>, w: Weights<T>, c: PriorConfig, textTokens = c.num_embeddings) {
  const parts = priorParts(ops, w, c, textTokens);
  return ({ textMask, ...inputs }: PriorInputs<T>): T => {
    const sequence = ops.concatTokens([parts.textTokens(inputs), parts.stepTokens(inputs)]); // (B, N + 4, D)
    return parts.transform(sequence, paddingBias(ops, textMask)).prediction;
  };
}

/**
 * The same in pieces. No token sees those behind it, so what the layers make of the text is the same at every step:
 * their keys and values are remembered, and a step costs two or three tokens.
 */
export function priorParts<T>(ops: Ops<T>, w: Weights<T>, c: PriorConfig, textTokens = c.num_embeddings) {
  const width = c.num_attention_heads * c.attention_head_dim;
  const tokens = c.num_embeddings + c.additional_embeddings;
  const project = (name: string) => linear(ops, w.at(name), c.embedding_dim, width);
  const embedTime = timestepEmbedding(ops, w.at('time_embedding'), {
    inputs: width,
    width: c.time_embed_dim ?? width,
    outputs: width,
    activation: c.time_embed_act_fn,
  });
  const asToken = (x: T) => ops.tokensFromVector(x, 1);
  const places = (from: number, to: number) =>
    ops.sliceTokens(w.get('positional_embedding', [1, tokens, width]), from, to);

  return {
    /** [text tokens, z_t] (B, N + 1, width) */
    textTokens({ textEmbedding, textHidden }: PriorText<T>): T {
      const normalized = c.embedding_proj_norm_type
        ? layerNorm(ops, w.at('embedding_proj_norm'), c.embedding_dim)(textEmbedding)
        : textEmbedding;
      const text = ops.add(project('encoder_hidden_states_proj')(textHidden), places(0, textTokens));
      const embedding = asToken(project('embedding_proj')(normalized));
      return ops.concatTokens([text, ops.add(embedding, places(c.num_embeddings, c.num_embeddings + 1))]);
    },

    /** [t, z_i, query] (B, 3, width), [t, z_i] (B, 2, width) without a query */
    stepTokens({ sample, timestep }: PriorStep<T>): T {
      const time = asToken(embedTime(sinusoidal(ops, width)(timestep)));
      const step = [time, asToken(project('proj_in')(sample))];
      if (c.added_emb_type) step.push(ops.repeatBatch(w.get('prd_embedding', [1, 1, width]), sample));
      return ops.add(ops.concatTokens(step), places(tokens - stepTokenCount(c), tokens));
    },

    /**
     * @param x     tokens (B, n, width)
     * @param bias  added to the scores; with a memory it must hide later tokens too, (B, 1, n, m + n)
     * @param past  keys and values of the m tokens before
     */
    transform(x: T, bias: T, past?: readonly LayerMemory<T>[]): { prediction: T; memory: LayerMemory<T>[] } {
      if (c.norm_in_type) x = layerNorm(ops, w.at('norm_in'), width)(x);
      const seen = transformerLayers(ops, w, c)(x, bias, past);
      const last = ops.takeToken(layerNorm(ops, w.at('norm_out'), width)(seen.x), -1);
      const prediction = linear(ops, w.at('proj_to_clip_embeddings'), width, c.embedding_dim)(last);
      return { prediction, memory: seen.memory };
    },
  };
}
