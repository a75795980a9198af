import { z } from 'zod';
import type { Ops, Weights } from '../ops/ops.ts';
import { count, only } from '../weights/config.ts';
import { diffusersActivation } from './activation.ts';
import { layerNorm, linear } from './layers.ts';
import { sinusoidal, timestepEmbedding } from './timestep-embedding.ts';
import { transformerLayer } from './transformer-layer.ts';

/** config.json of PriorTransformer; defaults as in diffusers. */
export const PriorConfig = z.strictObject({
  num_attention_heads: count().default(32),
  attention_head_dim: count().default(64),
  num_layers: count().default(20),
  embedding_dim: count().default(768),
  num_embeddings: count().default(77),
  additional_embeddings: only(4),
  time_embed_act_fn: diffusersActivation().default('silu'),
  norm_in_type: only(null),
  embedding_proj_norm_type: only(null),
  encoder_hid_proj_type: only('linear'),
  added_emb_type: only('prd'),
  time_embed_dim: count().nullable().default(null),
  embedding_proj_dim: only(null),
  clip_embed_dim: only(null),
});
export type PriorConfig = z.infer<typeof PriorConfig>;

export interface PriorInputs<T> {
  /** z_i with noise (B, D) */
  readonly sample: T;
  /** (B, 1) */
  readonly timestep: T;
  /** z_t (B, D) */
  readonly textEmbedding: T;
  /** (B, N, D) */
  readonly textHidden: T;
  /** (B, N): 1 token, 0 padding */
  readonly textMask: T;
}

/**
 * unCLIP's diffusion prior (Ramesh et al. 2022, 2.2): a causal transformer over [text tokens, z_t, t, z_i, query]
 * whose last token is the predicted z_i (B, D).
 * @param textTokens  of N: those behind must be padding, which nothing sees, and are left out
 * Differs from diffusers: later tokens are out of sight, not at −10,000; the same unless a row begins with padding.
 */
export function prior<T>(ops: Ops<T>, w: Weights<T>, c: PriorConfig, textTokens = c.num_embeddings) {
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

  return ({ sample, timestep, textEmbedding, textHidden, textMask }: PriorInputs<T>): T => {
    const query = ops.repeatBatch(w.get('prd_embedding', [1, 1, width]), textHidden);
    const sequence = ops.concatTokens([
      project('encoder_hidden_states_proj')(textHidden),
      asToken(project('embedding_proj')(textEmbedding)),
      asToken(embedTime(sinusoidal(ops, width)(timestep))),
      asToken(project('proj_in')(sample)),
      query,
    ]);
    const places = w.get('positional_embedding', [1, tokens, width]);
    const used = [ops.sliceTokens(places, 0, textTokens), ops.sliceTokens(places, c.num_embeddings, tokens)];
    let x = ops.add(sequence, textTokens === c.num_embeddings ? places : ops.concatTokens(used)); // (B, N + 4, D)

    const padding = ops.perKey(ops.affine(textMask, 10_000, -10_000)); // (B, 1, 1, N)
    for (let i = 0; i < c.num_layers; i++) {
      x = transformerLayer(ops, w.at(`transformer_blocks.${i}`), { width, heads: c.num_attention_heads })(x, padding).x;
    }

    x = layerNorm(ops, w.at('norm_out'), width)(x);
    return linear(ops, w.at('proj_to_clip_embeddings'), width, c.embedding_dim)(ops.takeToken(x, -1));
  };
}
