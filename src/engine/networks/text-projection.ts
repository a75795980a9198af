import { z } from 'zod';
import type { Ops, Weights } from '../ops/ops.ts';
import { count } from '../weights/config.ts';
import { layerNorm, linear } from './layers.ts';

/** config.json of UnCLIPTextProjModel; defaults as in diffusers. */
export const TextProjectionConfig = z.strictObject({
  clip_extra_context_tokens: count().default(4),
  clip_embeddings_dim: count().default(768),
  time_embed_dim: count(),
  cross_attention_dim: count(),
});
export type TextProjectionConfig = z.infer<typeof TextProjectionConfig>;

export interface TextProjectionInputs<T> {
  /** z_i (B, D); the learned `learned_classifier_free_guidance_embeddings` where there is no condition */
  readonly imageEmbedding: T;
  /** z_t (B, D) */
  readonly textEmbedding: T;
  /** (B, N, D) */
  readonly textHidden: T;
}

/**
 * How z_i enters the decoder (Ramesh et al. 2022, 2.1): added to the time embedding, and as four extra tokens
 * before the text's. → additive (B, E), context (B, 4 + N, cross_attention_dim)
 */
export function textProjection<T>(ops: Ops<T>, w: Weights<T>, c: TextProjectionConfig) {
  const { clip_embeddings_dim: width, clip_extra_context_tokens: extra, cross_attention_dim: contextWidth } = c;
  const toTime = (name: string) => linear(ops, w.at(name), width, c.time_embed_dim);
  const toExtraTokens = linear(ops, w.at('clip_extra_context_tokens_proj'), width, extra * contextWidth);
  const toContext = linear(ops, w.at('encoder_hidden_states_proj'), width, contextWidth);

  return ({ imageEmbedding, textEmbedding, textHidden }: TextProjectionInputs<T>): { additive: T; context: T } => {
    const fromImage = toTime('clip_image_embeddings_project_to_time_embeddings')(imageEmbedding);
    const additive = ops.add(fromImage, toTime('embedding_proj')(textEmbedding)); // (B, E)
    // The token is the faster axis of the projection.
    const imageTokens = ops.transposeTokens(ops.tokensFromVector(toExtraTokens(imageEmbedding), contextWidth));
    const textTokens = layerNorm(ops, w.at('text_encoder_hidden_states_norm'), contextWidth)(toContext(textHidden));
    return { additive, context: ops.concatTokens([imageTokens, textTokens]) };
  };
}
