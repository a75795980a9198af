import type { Activation, Ops, Weights } from '../ops/ops.ts';
import { addedKvAttention } from './added-kv-attention.ts';
import { conv3x3, groupNorm, layerNorm, linear } from './layers.ts';
import { resnetBlock } from './resnet-block.ts';
import { sinusoidal, timestepEmbedding } from './timestep-embedding.ts';
import { forEachBlock, type UnetConfig } from './unet-config.ts';

export interface UnetInputs<T> {
  /** (B, in_channels, H, W), H and W multiples of 2^(blocks − 1) */
  readonly sample: T;
  /** (B, 1) */
  readonly timestep: T;
  /** z_i (B, encoder_hid_dim) */
  readonly imageEmbedding: T;
}

/** Image tokens that z_i is projected to: fixed in diffusers' ImageProjection. */
const IMAGE_TOKENS = 32;

/**
 * Kandinsky 2.2's decoder: a diffusion U-Net that sees the CLIP image embedding twice, added to the time embedding
 * and as 32 tokens of context; no text. → (B, out_channels, H, W)
 */
export function unet<T>(ops: Ops<T>, w: Weights<T>, c: UnetConfig) {
  const timeWidth = c.time_embedding_dim ?? 4 * c.block_out_channels[0]!;
  const embeddingWidth = c.encoder_hid_dim;
  const contextWidth = c.cross_attention_dim;

  const embedImage = (z: T): T => {
    const h = linear(ops, w.at('add_embedding.image_proj'), embeddingWidth, timeWidth)(z);
    return w.at('add_embedding').tap(layerNorm(ops, w.at('add_embedding.image_norm'), timeWidth)(h));
  };
  const imageTokens = (z: T): T => {
    const projected = linear(
      ops,
      w.at('encoder_hid_proj.image_embeds'),
      embeddingWidth,
      IMAGE_TOKENS * contextWidth,
    )(z);
    const tokens = ops.tokensFromVector(projected, IMAGE_TOKENS);
    return w.at('encoder_hid_proj').tap(layerNorm(ops, w.at('encoder_hid_proj.norm'), contextWidth)(tokens));
  };

  return ({ sample, timestep, imageEmbedding }: UnetInputs<T>): T => {
    const time = ops.add(embedTime(ops, w, c, timeWidth)(timestep), embedImage(imageEmbedding)); // (B, E)
    return unetBlocks(ops, w, { ...c, timeWidth })(sample, time, { tokens: imageTokens(imageEmbedding) });
  };
}

type TimeConfig = Pick<UnetConfig, 'block_out_channels' | 'flip_sin_to_cos' | 'freq_shift' | 'act_fn'>;

function embedTime<T>(ops: Ops<T>, w: Weights<T>, c: TimeConfig, timeWidth: number) {
  const inputs = c.block_out_channels[0]!;
  const waves = sinusoidal(ops, inputs, { cosineFirst: c.flip_sin_to_cos, shift: c.freq_shift });
  const shape = { inputs, width: timeWidth, outputs: timeWidth, activation: c.act_fn };
  const embed = timestepEmbedding(ops, w.at('time_embedding'), shape);
  return (timestep: T): T => embed(waves(timestep));
}

/** What the picture attends to. */
interface Context<T> {
  /** (B, M, cross_attention_dim) */
  readonly tokens: T;
  /** (B, 1, 1, M), added to their scores */
  readonly bias?: T;
}

interface UnetBlocksConfig {
  readonly in_channels: number;
  readonly out_channels: number;
  readonly block_out_channels: readonly number[];
  readonly layers_per_block: number | readonly number[];
  readonly down_block_types: readonly string[];
  readonly up_block_types: readonly string[];
  readonly attention_head_dim: number | readonly number[];
  readonly cross_attention_dim: number;
  readonly act_fn: Activation;
  readonly norm_num_groups: number;
  readonly norm_eps: number;
  readonly resnet_time_scale_shift: 'default' | 'scale_shift';
  readonly timeWidth: number;
}

/** From conv_in to conv_out: down, middle, up, each down layer's output joined to the up layer of its size. */
function unetBlocks<T>(ops: Ops<T>, w: Weights<T>, c: UnetBlocksConfig) {
  const channels = c.block_out_channels;
  const last = channels.length - 1;
  const layers = forEachBlock(c.layers_per_block, channels.length);
  const headWidths = forEachBlock(c.attention_head_dim, channels.length);
  const activate = (x: T) => ops.activation(x, c.act_fn);

  return (sample: T, embedding: T, context: Context<T>): T => {
    const time = activate(embedding);
    const resnet = (name: string, inputs: number, outputs: number, resample?: 'up' | 'down') => (x: T) =>
      resnetBlock(ops, w.at(name), c, { inputs, outputs, timeWidth: c.timeWidth, ...(resample && { resample }) })(
        x,
        time,
      );
    const attention = (name: string, width: number, headWidth: number) => (x: T) =>
      addedKvAttention(ops, w.at(name), {
        channels: width,
        headWidth,
        contextWidth: c.cross_attention_dim,
        groups: c.norm_num_groups,
      })(x, context.tokens, context.bias);

    let x = conv3x3(ops, w.at('conv_in'), c.in_channels, channels[0]!)(sample);
    const skips = [{ x, channels: channels[0]! }];
    let width = channels[0]!;

    for (const [i, type] of c.down_block_types.entries()) {
      const block = `down_blocks.${i}`;
      const outputs = channels[i]!;
      for (let j = 0; j < layers[i]!; j++) {
        x = resnet(`${block}.resnets.${j}`, width, outputs)(x);
        if (type === 'SimpleCrossAttnDownBlock2D')
          x = attention(`${block}.attentions.${j}`, outputs, headWidths[i]!)(x);
        width = outputs;
        skips.push({ x, channels: width });
      }
      if (i < last) {
        x = resnet(`${block}.downsamplers.0`, width, width, 'down')(x);
        skips.push({ x, channels: width });
      }
      w.at(block).tap(x);
    }

    x = resnet('mid_block.resnets.0', width, width)(x);
    x = attention('mid_block.attentions.0', width, headWidths[last]!)(x);
    x = w.at('mid_block').tap(resnet('mid_block.resnets.1', width, width)(x));

    for (const [i, type] of c.up_block_types.entries()) {
      const block = `up_blocks.${i}`;
      const outputs = channels[last - i]!;
      for (let j = 0; j <= layers[last - i]!; j++) {
        const skip = skips.pop()!;
        x = resnet(`${block}.resnets.${j}`, width + skip.channels, outputs)(ops.concatChannels([x, skip.x]));
        // Not the head width of the down block of its size: diffusers takes it in this order, and so do its checkpoints.
        if (type === 'SimpleCrossAttnUpBlock2D') x = attention(`${block}.attentions.${j}`, outputs, headWidths[i]!)(x);
        width = outputs;
      }
      if (i < last) x = resnet(`${block}.upsamplers.0`, width, width, 'up')(x);
      w.at(block).tap(x);
    }

    const norm = groupNorm(ops, w.at('conv_norm_out'), width, { groups: c.norm_num_groups, eps: c.norm_eps });
    return conv3x3(ops, w.at('conv_out'), width, c.out_channels)(activate(norm(x)));
  };
}
