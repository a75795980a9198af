import { z } from 'zod';
import { count } from '../weights/config.ts';
import { transformersActivation } from './activation.ts';

/** config.json of CLIPVisionModelWithProjection; defaults as in transformers. */
export const ClipVisionConfig = z.strictObject({
  hidden_size: count().default(768),
  intermediate_size: count().default(3072),
  projection_dim: count().default(512),
  num_hidden_layers: count().default(12),
  num_attention_heads: count().default(12),
  num_channels: count().default(3),
  image_size: count().default(224),
  patch_size: count().default(32),
  hidden_act: transformersActivation().default('quick_gelu'),
  layer_norm_eps: z.number().positive().default(1e-5),
});
export type ClipVisionConfig = z.infer<typeof ClipVisionConfig>;
