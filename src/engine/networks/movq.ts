import { z } from 'zod';
import type { Ops, Weights } from '../ops/ops.ts';
import type { Tensor } from '../tensor.ts';
import { count, only, unread } from '../weights/config.ts';
import { diffusersActivation } from './activation.ts';
import { conv, conv1x1, conv3x3, groupNorm, linear } from './layers.ts';

/** config.json of VQModel; defaults as in diffusers. */
export const MovqConfig = z
  .strictObject({
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
  })
  .superRefine(checkBlocks);
export type MovqConfig = z.infer<typeof MovqConfig>;

/** What the keys must have in common for the blocks to fit together. */
function checkBlocks(c: z.infer<typeof MovqConfig>, context: z.RefinementCtx): void {
  const refuse = (key: keyof MovqConfig, message: string) => context.addIssue({ code: 'custom', path: [key], message });
  const blocks = c.block_out_channels.length;
  for (const key of ['down_block_types', 'up_block_types'] as const) {
    if (c[key].length !== blocks) refuse(key, `${blocks} entries, one for each of block_out_channels`);
  }
  const spatial = c.norm_type === 'spatial';
  const groups = spatial ? [c.norm_num_groups, SPATIAL_NORM_GROUPS] : [c.norm_num_groups];
  if (c.block_out_channels.some((width) => groups.some((n) => width % n !== 0))) {
    refuse('block_out_channels', `multiples of the norms' groups (${groups.join(', ')})`);
  }
  if (spatial && latentChannels(c) !== c.latent_channels) {
    refuse('vq_embed_dim', `${c.latent_channels} as latent_channels, with norm_type spatial`);
  }
}

const EPS = 1e-6;
/** Whatever the config says. */
const SPATIAL_NORM_GROUPS = 32;

/** Channels of the latents and of the codebook's vectors. */
export const latentChannels = (c: MovqConfig) => c.vq_embed_dim ?? c.latent_channels;

/** MoVQ's encoder (Zheng et al. 2022; VQGAN's, Esser et al. 2021): image (B, C, H, W) → latents (B, c, h, w). */
export function movqEncoder<T>(ops: Ops<T>, weights: Weights<T>, c: MovqConfig) {
  const w = weights.at('encoder');
  const channels = c.block_out_channels;
  const last = channels.length - 1;
  const norm: Norm<T> = (at, width) => groupNorm(ops, at, width, { groups: c.norm_num_groups, eps: EPS });

  return (image: T): T => {
    let x = conv3x3(ops, w.at('conv_in'), c.in_channels, channels[0]!)(image);
    let width = channels[0]!;
    for (const [i, type] of c.down_block_types.entries()) {
      const block = w.at(`down_blocks.${i}`);
      for (let j = 0; j < c.layers_per_block; j++) {
        x = movqResnet(ops, block.at(`resnets.${j}`), c, norm, width, channels[i]!)(x);
        width = channels[i]!;
        if (type === 'AttnDownEncoderBlock2D') {
          x = movqAttention(ops, block.at(`attentions.${j}`), norm, 'group_norm', width)(x);
        }
      }
      // torch pads the right and the bottom only
      const halve = { kernel: 3, stride: 2, padding: [0, 0, 1, 1] } as const;
      if (i < last) x = conv(ops, block.at('downsamplers.0.conv'), width, width, halve)(x);
      block.tap(x);
    }
    x = movqMiddle(ops, w.at('mid_block'), c, norm, 'group_norm', width)(x);
    x = ops.activation(norm(w.at('conv_norm_out'), width)(x), 'silu');
    x = w.tap(conv3x3(ops, w.at('conv_out'), width, c.latent_channels)(x));
    return conv1x1(ops, weights.at('quant_conv'), c.latent_channels, latentChannels(c))(x);
  };
}

/** MoVQ's decoder: latents (B, c, h, w) → image (B, C, H, W); with norm_type spatial every norm sees the latents. */
export function movqDecoder<T>(ops: Ops<T>, weights: Weights<T>, c: MovqConfig) {
  const w = weights.at('decoder');
  const channels = c.block_out_channels.toReversed();
  const last = channels.length - 1;
  const attentionNorm = c.norm_type === 'spatial' ? 'spatial_norm' : 'group_norm';

  return (latents: T): T => {
    const norm: Norm<T> = (at, width) =>
      c.norm_type === 'spatial'
        ? spatialNorm(ops, at, width, latentChannels(c), latents)
        : groupNorm(ops, at, width, { groups: c.norm_num_groups, eps: EPS });

    let width = channels[0]!;
    let x = conv1x1(ops, weights.at('post_quant_conv'), latentChannels(c), c.latent_channels)(latents);
    x = conv3x3(ops, w.at('conv_in'), c.latent_channels, width)(x);
    x = movqMiddle(ops, w.at('mid_block'), c, norm, attentionNorm, width)(x);
    for (const [i, type] of c.up_block_types.entries()) {
      const block = w.at(`up_blocks.${i}`);
      for (let j = 0; j <= c.layers_per_block; j++) {
        x = movqResnet(ops, block.at(`resnets.${j}`), c, norm, width, channels[i]!)(x);
        width = channels[i]!;
        if (type === 'AttnUpDecoderBlock2D') {
          x = movqAttention(ops, block.at(`attentions.${j}`), norm, attentionNorm, width)(x);
        }
      }
      if (i < last) x = conv3x3(ops, block.at('upsamplers.0.conv'), width, width)(ops.upsampleNearest2x(x));
      block.tap(x);
    }
    x = ops.activation(norm(w.at('conv_norm_out'), width)(x), 'silu');
    return w.tap(conv3x3(ops, w.at('conv_out'), width, c.out_channels)(x));
  };
}

/** The normalisation of a block: group norm, or MoVQ's spatial norm. */
type Norm<T> = (w: Weights<T>, channels: number) => (x: T) => T;

/** Zheng et al. 2022, eq. 4: GN(f)·conv_y(z) + conv_b(z), z the latents, enlarged. */
function spatialNorm<T>(ops: Ops<T>, w: Weights<T>, channels: number, latentWidth: number, latents: T) {
  return (x: T): T => {
    const normed = groupNorm(ops, w.at('norm_layer'), channels, { groups: SPATIAL_NORM_GROUPS, eps: EPS })(x);
    // A 1×1 convolution of an enlarged picture is the enlarged convolution, at a fraction of the work.
    const enlarged = (name: string) => ops.resizeNearest(conv1x1(ops, w.at(name), latentWidth, channels)(latents), x);
    return w.tap(ops.add(ops.mul(normed, enlarged('conv_y')), enlarged('conv_b')));
  };
}

function movqResnet<T>(ops: Ops<T>, w: Weights<T>, c: MovqConfig, norm: Norm<T>, inputs: number, outputs: number) {
  return (x: T): T => {
    let h = ops.activation(norm(w.at('norm1'), inputs)(x), c.act_fn);
    h = conv3x3(ops, w.at('conv1'), inputs, outputs)(h);
    h = ops.activation(norm(w.at('norm2'), outputs)(h), c.act_fn);
    h = conv3x3(ops, w.at('conv2'), outputs, outputs)(h);
    if (inputs !== outputs) x = conv1x1(ops, w.at('conv_shortcut'), inputs, outputs)(x);
    return w.tap(ops.add(x, h));
  };
}

/** Self-attention over the positions, one head. */
function movqAttention<T>(ops: Ops<T>, w: Weights<T>, norm: Norm<T>, normName: string, channels: number) {
  const project = (name: string) => linear(ops, w.at(name), channels, channels);
  return (x: T): T => {
    const h = ops.tokensFromImage(norm(w.at(normName), channels)(x)); // (B, H·W, C)
    const attended = ops.attention(project('to_q')(h), project('to_k')(h), project('to_v')(h), { heads: 1 });
    return w.tap(ops.add(x, ops.imageFromTokens(project('to_out.0')(attended), x)));
  };
}

function movqMiddle<T>(
  ops: Ops<T>,
  w: Weights<T>,
  c: MovqConfig,
  norm: Norm<T>,
  attentionNorm: string,
  channels: number,
) {
  return (x: T): T => {
    x = movqResnet(ops, w.at('resnets.0'), c, norm, channels, channels)(x);
    if (c.mid_block_add_attention) x = movqAttention(ops, w.at('attentions.0'), norm, attentionNorm, channels)(x);
    return w.tap(movqResnet(ops, w.at('resnets.1'), c, norm, channels, channels)(x));
  };
}

/**
 * Vector quantisation (van den Oord et al. 2017): each latent vector becomes the nearest of the codebook.
 * @param latents   (B, D, h, w)
 * @param codebook  (K, D)
 */
export function quantize(latents: Tensor, codebook: Tensor): Tensor {
  const [batch, width, height, columns] = latents.shape as [number, number, number, number];
  const positions = height * columns;
  const data = new Float32Array(latents.data.length);
  const vector = new Float32Array(width);
  for (let b = 0; b < batch; b++) {
    for (let p = 0; p < positions; p++) {
      const at = (d: number) => (b * width + d) * positions + p;
      for (let d = 0; d < width; d++) vector[d] = latents.data[at(d)]!;
      const code = nearest(vector, codebook.data);
      for (let d = 0; d < width; d++) data[at(d)] = codebook.data[code * width + d]!;
    }
  }
  return { data, shape: latents.shape };
}

function nearest(vector: Float32Array, codes: Float32Array): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let start = 0; start < codes.length; start += vector.length) {
    let distance = 0;
    for (let d = 0; d < vector.length; d++) distance += (vector[d]! - codes[start + d]!) ** 2;
    if (distance < least) [best, least] = [start / vector.length, distance];
  }
  return best;
}
