import { z } from 'zod';
import type { Ops, Weights } from '../ops/ops.ts';
import { count } from '../weights/config.ts';
import { transformersActivation } from './activation.ts';
import { clipLayer, headsDivideWidth } from './clip-layer.ts';
import { layerNorm } from './layers.ts';

/** config.json of CLIPTextModelWithProjection; defaults as in transformers. */
export const ClipTextConfig = z
  .strictObject({
    vocab_size: count().default(49408),
    hidden_size: count().default(512),
    intermediate_size: count().default(2048),
    projection_dim: count().default(512),
    num_hidden_layers: count().default(12),
    num_attention_heads: count().default(8),
    max_position_embeddings: count().default(77),
    hidden_act: transformersActivation().default('quick_gelu'),
    layer_norm_eps: z.number().positive().default(1e-5),
    bos_token_id: z.int().nullable().default(49406),
    eos_token_id: z.int().default(49407),
    pad_token_id: z.int().nullable().default(1),
  })
  .refine(...headsDivideWidth);
export type ClipTextConfig = z.infer<typeof ClipTextConfig>;

export interface ClipTextInputs<T> {
  /** (B, N) */
  readonly ids: T;
  /** (1, N): 0 … N − 1 */
  readonly positions: T;
  /** (B): where the text ends, see `endOfText` */
  readonly ends: T;
}

/** CLIP's causal text encoder (Radford et al. 2021); the embedding is read at the end-of-text token. */
export function clipText<T>(ops: Ops<T>, weights: Weights<T>, c: ClipTextConfig) {
  const w = weights.at('text_model');
  return ({ ids, positions, ends }: ClipTextInputs<T>): { hidden: T; embedding: T } => {
    const tokenTable = w.get('embeddings.token_embedding.weight', [c.vocab_size, c.hidden_size]);
    const positionTable = w.get('embeddings.position_embedding.weight', [c.max_position_embeddings, c.hidden_size]);
    let x = ops.add(ops.embedding(ids, tokenTable), ops.embedding(positions, positionTable)); // (B, N, D)
    for (let i = 0; i < c.num_hidden_layers; i++) {
      x = clipLayer(ops, w.at(`encoder.layers.${i}`), c, { causal: true })(x);
    }
    const hidden = layerNorm(ops, w.at('final_layer_norm'), c.hidden_size, c.layer_norm_eps)(x);
    const projection = weights.get('text_projection.weight', [c.projection_dim, c.hidden_size]);
    return { hidden, embedding: ops.linear(ops.gatherToken(hidden, ends), projection) }; // (B, N, D), (B, P)
  };
}

/**
 * Where each row's embedding is read: at the first end-of-text token.
 * Configs older than transformers 4.31 say `eos_token_id: 2` whatever the vocabulary; there it's the highest id.
 */
export function endOfText(ids: readonly (readonly number[])[], { eos_token_id }: ClipTextConfig): number[] {
  return ids.map((row) => Math.max(0, row.indexOf(eos_token_id === 2 ? Math.max(...row) : eos_token_id)));
}
