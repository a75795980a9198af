import { z } from 'zod';
import { count, only } from '../weights/config.ts';
import { diffusersActivation } from './activation.ts';

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
