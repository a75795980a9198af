import { z } from 'zod';
import { count, only, unread } from '../weights/config.ts';
import { diffusersActivation } from './activation.ts';

const oddCount = () => count().refine((n) => n % 2 === 1, 'an odd number');

/** Keys of UNet2DConditionModel as far as unCLIP decoders use it; defaults as in diffusers. */
const keys = {
  sample_size: count().nullable().default(null),
  in_channels: count().default(4),
  out_channels: count().default(4),
  block_out_channels: z.array(count()).min(1),
  layers_per_block: z.union([count(), z.array(count())]).default(2),
  down_block_types: z.array(z.enum(['ResnetDownsampleBlock2D', 'SimpleCrossAttnDownBlock2D'])),
  mid_block_type: z.literal('UNetMidBlock2DSimpleCrossAttn'),
  up_block_types: z.array(z.enum(['ResnetUpsampleBlock2D', 'SimpleCrossAttnUpBlock2D'])),
  attention_head_dim: z.union([count(), z.array(count())]).default(8),
  cross_attention_dim: count().default(1280),
  act_fn: diffusersActivation().default('silu'),
  norm_num_groups: count().default(32),
  norm_eps: z.number().positive().default(1e-5),
  resnet_time_scale_shift: z.enum(['default', 'scale_shift']).default('default'),
  flip_sin_to_cos: z.boolean().default(true),
  freq_shift: z.number().default(0),
  time_embedding_dim: count().nullable().default(null),
  time_embedding_act_fn: diffusersActivation().nullable().default(null),
  resnet_skip_time_act: z.boolean().default(false),
  resnet_out_scale_factor: z.number().positive().default(1),
  mid_block_scale_factor: z.number().positive().default(1),
  center_input_sample: z.boolean().default(false),
  conv_in_kernel: oddCount().default(3),
  conv_out_kernel: oddCount().default(3),

  attention_type: only('default'),
  class_embeddings_concat: only(false),
  cross_attention_norm: only(null),
  num_attention_heads: only(null),
  num_class_embeds: only(null),
  time_cond_proj_dim: only(null),
  time_embedding_type: only('positional'),
  timestep_post_act: only(null),

  addition_embed_type_num_heads: unread(),
  addition_time_embed_dim: unread(),
  downsample_padding: unread(),
  dual_cross_attention: unread(),
  projection_class_embeddings_input_dim: unread(),
  reverse_transformer_layers_per_block: unread(),
  transformer_layers_per_block: unread(),
  upcast_attention: unread(),
  use_linear_projection: unread(),
};

/** config.json of Kandinsky 2.2's `unet`: conditioned on the image embedding only. */
export const UnetConfig = z
  .strictObject({
    ...keys,
    encoder_hid_dim: count(),
    encoder_hid_dim_type: z.literal('image_proj'),
    addition_embed_type: z.literal('image'),
    class_embed_type: only(null),
    only_cross_attention: z.union([z.boolean(), z.array(z.boolean())]).default(false),
    mid_block_only_cross_attention: z.boolean().nullable().default(null),
  })
  .superRefine(checkBlocks);
export type UnetConfig = z.infer<typeof UnetConfig>;

/** config.json of Karlo's `decoder`: conditioned on text tokens and on what `text_proj` adds to the time embedding. */
export const KarloDecoderConfig = z
  .strictObject({
    ...keys,
    encoder_hid_dim: only(null),
    encoder_hid_dim_type: only(null),
    addition_embed_type: only(null),
    class_embed_type: z.literal('identity'),
    only_cross_attention: only(false),
    mid_block_only_cross_attention: z.literal([null, false]).default(null),
  })
  .superRefine(checkBlocks);
export type KarloDecoderConfig = z.infer<typeof KarloDecoderConfig>;

/** config.json of Karlo's `super_res_first` and `super_res_last`, UNet2DModel: no attention, no condition but t. */
export const SuperResolutionConfig = z
  .strictObject({
    sample_size: count().nullable().default(null),
    in_channels: count().default(3),
    out_channels: count().default(3),
    block_out_channels: z.array(count()).min(1),
    layers_per_block: count().default(2),
    down_block_types: z.array(z.literal('ResnetDownsampleBlock2D')),
    mid_block_type: only('UNetMidBlock2D'),
    up_block_types: z.array(z.literal('ResnetUpsampleBlock2D')),
    add_attention: z.literal(false),
    act_fn: diffusersActivation().default('silu'),
    norm_num_groups: count().default(32),
    norm_eps: z.number().positive().default(1e-5),
    resnet_time_scale_shift: z.enum(['default', 'scale_shift']).default('default'),
    flip_sin_to_cos: z.boolean().default(true),
    freq_shift: z.number().default(0),
    time_embedding_dim: count().nullable().default(null),
    mid_block_scale_factor: z.number().positive().default(1),
    center_input_sample: z.boolean().default(false),

    class_embed_type: only(null),
    num_class_embeds: only(null),
    time_embedding_type: only('positional'),

    attention_head_dim: unread(),
    attn_norm_num_groups: unread(),
    downsample_padding: unread(),
    downsample_type: unread(),
    num_train_timesteps: unread(),
    upsample_type: unread(),
  })
  .superRefine((c, context) => checkBlocks({ ...c, attention_head_dim: 1 }, context));
export type SuperResolutionConfig = z.infer<typeof SuperResolutionConfig>;

interface Blocks {
  readonly block_out_channels: readonly number[];
  readonly down_block_types: readonly string[];
  readonly mid_block_type: string;
  readonly up_block_types: readonly string[];
  readonly layers_per_block: number | readonly number[];
  readonly attention_head_dim: number | readonly number[];
  readonly only_cross_attention?: boolean | readonly boolean[];
  readonly norm_num_groups: number;
}

/** What the keys must have in common for the blocks to fit together. */
function checkBlocks(c: Blocks, context: z.RefinementCtx) {
  const channels = c.block_out_channels;
  const refuse = (key: keyof Blocks, message: string) => context.addIssue({ code: 'custom', path: [key], message });
  const lists = [
    'down_block_types',
    'up_block_types',
    'layers_per_block',
    'attention_head_dim',
    'only_cross_attention',
  ] as const;
  for (const key of lists) {
    const list = c[key];
    if (typeof list === 'object' && list.length !== channels.length) {
      return refuse(key, `${channels.length} entries, one for each of block_out_channels`);
    }
  }
  if (channels.some((width) => width % c.norm_num_groups !== 0)) {
    return refuse('block_out_channels', `multiples of norm_num_groups, ${c.norm_num_groups}`);
  }
  const headWidths = forEachBlock(c.attention_head_dim, channels.length);
  const attended = [
    ...channels.map((width, i) => ({ width, headWidth: headWidths[i]!, type: c.down_block_types[i]! })),
    ...channels.toReversed().map((width, i) => ({ width, headWidth: headWidths[i]!, type: c.up_block_types[i]! })),
    { width: channels.at(-1)!, headWidth: headWidths.at(-1)!, type: c.mid_block_type },
  ].filter(({ type }) => type.includes('CrossAttn'));
  if (attended.some(({ width, headWidth }) => width % headWidth !== 0)) {
    refuse('attention_head_dim', `divisors of the block_out_channels that attend, (${channels.join(', ')})`);
  }
}

/** A key that is one value for all blocks or a list with one for each. */
export const forEachBlock = <V extends number | boolean>(value: V | readonly V[], blocks: number): readonly V[] =>
  typeof value === 'object' ? value : Array<V>(blocks).fill(value);
