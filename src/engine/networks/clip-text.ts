import { z } from 'zod';
import { count } from '../weights/config.ts';
import { transformersActivation } from './activation.ts';

/** config.json of CLIPTextModelWithProjection; defaults as in transformers. */
export const ClipTextConfig = z.strictObject({
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
});
export type ClipTextConfig = z.infer<typeof ClipTextConfig>;
