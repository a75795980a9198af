import { z } from 'zod';
import { count, only, unread } from '../weights/config.ts';
import { diffusersActivation } from './activation.ts';

/** config.json of VQModel; defaults as in diffusers. */
export const MovqConfig = z.strictObject({
  sample_size: count().default(32),
  in_channels: count().default(3),
  out_channels: count().default(3),
  block_out_channels: z.array(count()).min(1).default([64]),
  layers_per_block: count().default(1),
  down_block_types: z.array(z.enum(['DownEncoderBlock2D', 'AttnDownEncoderBlock2D'])).default(['DownEncoderBlock2D']),
  up_block_types: z.array(z.enum(['UpDecoderBlock2D', 'AttnUpDecoderBlock2D'])).default(['UpDecoderBlock2D']),
  act_fn: diffusersActivation().default('silu'),
  latent_channels: count().default(3),
  vq_embed_dim: count().nullable().default(null),
  num_vq_embeddings: count().default(256),
  norm_num_groups: count().default(32),
  norm_type: z.enum(['group', 'spatial']).default('group'),
  mid_block_add_attention: z.boolean().default(true),
  lookup_from_codebook: only(false),
  /** Of the pipeline, not of the network: Kandinsky's uses latents as they are. */
  scaling_factor: z.number().default(0.18215),
  force_upcast: unread(),
});
export type MovqConfig = z.infer<typeof MovqConfig>;
