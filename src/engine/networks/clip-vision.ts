import { z } from 'zod';
import type { Ops, Weights } from '../ops/ops.ts';
import { count } from '../weights/config.ts';
import { transformersActivation } from './activation.ts';
import { clipLayer, headsDivideWidth } from './clip-layer.ts';
import { layerNorm } from './layers.ts';

/** config.json of CLIPVisionModelWithProjection; defaults as in transformers. */
export const ClipVisionConfig = z
  .strictObject({
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
  })
  .refine(...headsDivideWidth);
export type ClipVisionConfig = z.infer<typeof ClipVisionConfig>;

/** Patches along an axis; pixels that make no whole one are left out. */
export const patchesAlong = (c: ClipVisionConfig) => Math.floor(c.image_size / c.patch_size);

/** CLIP's vision transformer (Radford et al. 2021): pixels (B, C, S, S) → embedding (B, P), read at the class token. */
export function clipVision<T>(ops: Ops<T>, weights: Weights<T>, c: ClipVisionConfig) {
  const w = weights.at('vision_model');
  const { hidden_size: width, patch_size: patch } = c;
  const norm = (name: string) => layerNorm(ops, w.at(name), width, c.layer_norm_eps);
  return (pixels: T): { hidden: T; embedding: T; layers: readonly T[] } => {
    const kernel = w.get('embeddings.patch_embedding.weight', [width, c.num_channels, patch, patch]);
    const patches = ops.tokensFromImage(ops.conv2d(pixels, kernel, undefined, { stride: patch })); // (B, N − 1, D)
    const classToken = ops.tokensFromParameter(w.get('embeddings.class_embedding', [width]));
    const tokens = 1 + patchesAlong(c) ** 2;
    const table = w.get('embeddings.position_embedding.weight', [tokens, width]);

    let x = ops.add(ops.concatTokens([ops.repeatBatch(classToken, patches), patches]), ops.tokensFromParameter(table)); // (B, N, D)
    x = norm('pre_layrnorm')(x);
    const layers: T[] = []; // (B, N, D) after each
    for (let i = 0; i < c.num_hidden_layers; i++) {
      x = clipLayer(ops, w.at(`encoder.layers.${i}`), c, { causal: false })(x);
      layers.push(x);
    }
    const projection = weights.get('visual_projection.weight', [c.projection_dim, width]);
    return { layers, hidden: x, embedding: ops.linear(norm('post_layernorm')(ops.takeToken(x, 0)), projection) };
  };
}
