import type { Activation, Ops, Weights } from '../ops/ops.ts';
import { addedKvAttention } from './added-kv-attention.ts';
import { conv, groupNorm, layerNorm, linear, paddingBias } from './layers.ts';
import { type ResnetBlockConfig, resnetBlock } from './resnet-block.ts';
import { sinusoidal, timestepEmbedding } from './timestep-embedding.ts';
import { forEachBlock, type KarloDecoderConfig, type SuperResolutionConfig, type UnetConfig } from './unet-config.ts';

export interface UnetInputs<T> {
  /** (B, in_channels, H, W), H and W multiples of 2^(blocks − 1) */
  readonly sample: T;
  /** (B, 1) */
  readonly timestep: T;
}

/** Image tokens that z_i is projected to: fixed in diffusers' ImageProjection. */
const IMAGE_TOKENS = 32;

/**
 * Kandinsky 2.2's decoder: a diffusion U-Net that sees the CLIP image embedding z_i (B, encoder_hid_dim) twice,
 * added to the time embedding and as 32 tokens of context; no text. → (B, out_channels, H, W)
 */
export function unet<T>(ops: Ops<T>, w: Weights<T>, c: UnetConfig) {
  const { encoder_hid_dim: embeddingWidth, cross_attention_dim: contextWidth } = c;

  const embedImage = (z: T): T => {
    const h = linear(ops, w.at('add_embedding.image_proj'), embeddingWidth, timeWidth(c))(z);
    return w.at('add_embedding').tap(layerNorm(ops, w.at('add_embedding.image_norm'), timeWidth(c))(h));
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

  return ({ sample, timestep, imageEmbedding }: UnetInputs<T> & { readonly imageEmbedding: T }): T => {
    const sum = ops.add(embedTime(ops, w, c, c.act_fn)(timestep), embedImage(imageEmbedding));
    const time = activateTime(ops, c, sum);
    return unetBlocks(ops, w, { ...c, attend: attendTo(ops, c, imageTokens(imageEmbedding)) })(sample, time);
  };
}

export interface KarloDecoderInputs<T> extends UnetInputs<T> {
  /** (B, E), added to the time embedding: see `textProjection` */
  readonly additive: T;
  /** (B, M, cross_attention_dim): 4 image tokens and the text's */
  readonly context: T;
  /** (B, M): 1 token, 0 padding */
  readonly contextMask: T;
}

/** Karlo's decoder, the paper's own shape: z_i reaches it through `textProjection`. → (B, out_channels, H, W) */
export function karloDecoder<T>(ops: Ops<T>, w: Weights<T>, c: KarloDecoderConfig) {
  return ({ sample, timestep, additive, context, contextMask }: KarloDecoderInputs<T>): T => {
    const time = activateTime(ops, c, ops.add(embedTime(ops, w, c, c.act_fn)(timestep), additive));
    const padding = paddingBias(ops, contextMask);
    return unetBlocks(ops, w, { ...c, attend: attendTo(ops, c, context, padding) })(sample, time);
  };
}

/** Karlo's upsampler: sees [noised picture ∥ enlarged picture] as channels, and t. → (B, out_channels, H, W) */
export function superResolution<T>(ops: Ops<T>, w: Weights<T>, c: SuperResolutionConfig) {
  return ({ sample, timestep }: UnetInputs<T>): T => {
    // UNet2DModel uses act_fn inside its ResNet blocks only.
    const time = embedTime(ops, w, c, 'silu')(timestep);
    return unetBlocks(ops, w, { ...c, lastActivation: 'silu' })(sample, time);
  };
}

interface TimeConfig {
  readonly block_out_channels: readonly number[];
  readonly time_embedding_dim: number | null;
  readonly flip_sin_to_cos: boolean;
  readonly freq_shift: number;
}

const timeWidth = (c: TimeConfig) => c.time_embedding_dim ?? 4 * c.block_out_channels[0]!;

/** t (B, 1) → (B, E) */
function embedTime<T>(ops: Ops<T>, w: Weights<T>, c: TimeConfig, activation: Activation) {
  const inputs = c.block_out_channels[0]!;
  const waves = sinusoidal(ops, inputs, { cosineFirst: c.flip_sin_to_cos, shift: c.freq_shift });
  const shape = { inputs, width: timeWidth(c), outputs: timeWidth(c), activation };
  const embed = timestepEmbedding(ops, w.at('time_embedding'), shape);
  return (timestep: T): T => embed(waves(timestep));
}

/** The embeddings of t and of the condition, added (B, E), as the blocks see them. */
function activateTime<T>(ops: Ops<T>, { time_embedding_act_fn: kind }: UnetConfig | KarloDecoderConfig, sum: T): T {
  return kind === null ? sum : ops.activation(sum, kind);
}

/** The attention of a block, numbered from the first of its stage. */
type Attend<T> = (w: Weights<T>, channels: number, stage: 'down' | 'mid' | 'up', block: number) => (x: T) => T;

type AttentionConfig = Pick<
  UnetConfig,
  | 'block_out_channels'
  | 'attention_head_dim'
  | 'cross_attention_dim'
  | 'norm_num_groups'
  | 'only_cross_attention'
  | 'mid_block_only_cross_attention'
>;

/** @param bias  (B, 1, 1, M), added to the scores of the context (B, M, cross_attention_dim) */
function attendTo<T>(ops: Ops<T>, c: AttentionConfig, context: T, bias?: T): Attend<T> {
  const { only_cross_attention: only, mid_block_only_cross_attention: midOnly } = c;
  const blocks = c.block_out_channels.length;
  const shape = { contextWidth: c.cross_attention_dim, groups: c.norm_num_groups };
  // An up block has block i's head width, not that of the down block of its size: diffusers reads that list in this
  // order, only_cross_attention in reverse.
  const headWidths = forEachBlock(c.attention_head_dim, blocks);
  const onlyContext = {
    down: forEachBlock(only, blocks),
    mid: forEachBlock(midOnly ?? only === true, blocks),
    up: forEachBlock(only, blocks).toReversed(),
  };
  return (w, channels, stage, block) => (x) => {
    const place = { channels, headWidth: headWidths[block]!, onlyContext: onlyContext[stage][block]! };
    return addedKvAttention(ops, w, { ...shape, ...place })(x, context, bias);
  };
}

interface UnetBlocksConfig<T> extends ResnetBlockConfig, TimeConfig {
  readonly in_channels: number;
  readonly out_channels: number;
  readonly layers_per_block: number | readonly number[];
  readonly down_block_types: readonly string[];
  readonly up_block_types: readonly string[];
  readonly mid_block_scale_factor: number;
  readonly center_input_sample: boolean;
  /** These four: UNet2DModel has no such keys. */
  readonly resnet_skip_time_act?: boolean;
  readonly resnet_out_scale_factor?: number;
  readonly conv_in_kernel?: number;
  readonly conv_out_kernel?: number;
  /** Of the blocks that have it and of the middle. */
  readonly attend?: Attend<T>;
  /** Before conv_out, act_fn if absent. */
  readonly lastActivation?: Activation;
}

/** From conv_in to conv_out: down, middle, up, each down layer's output joined to the up layer of its size. */
function unetBlocks<T>(ops: Ops<T>, w: Weights<T>, c: UnetBlocksConfig<T>) {
  const { block_out_channels: channels, attend, resnet_out_scale_factor: outScale = 1 } = c;
  const last = channels.length - 1;
  const layers = forEachBlock(c.layers_per_block, channels.length);

  return (sample: T, embedding: T): T => {
    const time = c.resnet_skip_time_act ? embedding : ops.activation(embedding, c.act_fn);
    const resnet = (name: string, inputs: number, outputs: number, resample?: 'up' | 'down') => (x: T) => {
      const outputScale = name.startsWith('mid_block') ? c.mid_block_scale_factor : outScale;
      const shape = { inputs, outputs, timeWidth: timeWidth(c), resample, outputScale };
      return resnetBlock(ops, w.at(name), c, shape)(x, time);
    };

    let x = c.center_input_sample ? ops.affine(sample, 2, -1) : sample;
    x = sameSizeConv(ops, w.at('conv_in'), c.in_channels, channels[0]!, c.conv_in_kernel)(x);
    let width = channels[0]!;
    const skips = [{ x, width }];

    for (const [i, type] of c.down_block_types.entries()) {
      const block = w.at(`down_blocks.${i}`);
      for (let j = 0; j < layers[i]!; j++) {
        x = resnet(`down_blocks.${i}.resnets.${j}`, width, channels[i]!)(x);
        width = channels[i]!;
        if (attend && type === 'SimpleCrossAttnDownBlock2D') {
          x = attend(block.at(`attentions.${j}`), width, 'down', i)(x);
        }
        skips.push({ x, width });
      }
      if (i < last) {
        x = resnet(`down_blocks.${i}.downsamplers.0`, width, width, 'down')(x);
        skips.push({ x, width });
      }
      block.tap(x);
    }

    x = resnet('mid_block.resnets.0', width, width)(x);
    if (attend) x = attend(w.at('mid_block.attentions.0'), width, 'mid', last)(x);
    x = w.at('mid_block').tap(resnet('mid_block.resnets.1', width, width)(x));

    for (const [i, type] of c.up_block_types.entries()) {
      const block = w.at(`up_blocks.${i}`);
      for (let j = 0; j <= layers[last - i]!; j++) {
        const skip = skips.pop()!;
        const joined = ops.concatChannels([x, skip.x]);
        x = resnet(`up_blocks.${i}.resnets.${j}`, width + skip.width, channels[last - i]!)(joined);
        width = channels[last - i]!;
        if (attend && type === 'SimpleCrossAttnUpBlock2D') x = attend(block.at(`attentions.${j}`), width, 'up', i)(x);
      }
      if (i < last) x = resnet(`up_blocks.${i}.upsamplers.0`, width, width, 'up')(x);
      block.tap(x);
    }

    x = groupNorm(ops, w.at('conv_norm_out'), width, { groups: c.norm_num_groups, eps: c.norm_eps })(x);
    x = ops.activation(x, c.lastActivation ?? c.act_fn);
    return sameSizeConv(ops, w.at('conv_out'), width, c.out_channels, c.conv_out_kernel)(x);
  };
}

/** @param kernel  odd */
const sameSizeConv = <T>(ops: Ops<T>, w: Weights<T>, inputs: number, outputs: number, kernel = 3) =>
  conv(ops, w, inputs, outputs, { kernel, padding: (kernel - 1) / 2 });
