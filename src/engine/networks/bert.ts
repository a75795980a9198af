import { z } from 'zod';
import type { Ops, Weights } from '../ops/ops.ts';
import { count } from '../weights/config.ts';
import { transformersActivation } from './activation.ts';
import { layerNorm, linear } from './layers.ts';

/** config.json of BertModel, as far as the network depends on it. */
export const BertConfig = z.object({
  vocab_size: count(),
  hidden_size: count(),
  intermediate_size: count(),
  num_hidden_layers: count(),
  num_attention_heads: count(),
  max_position_embeddings: count(),
  type_vocab_size: count(),
  hidden_act: transformersActivation(),
  layer_norm_eps: z.number().positive(),
  position_embedding_type: z.literal('absolute').default('absolute'),
});
export type BertConfig = z.infer<typeof BertConfig>;

export interface BertInputs<T> {
  /** (B, N), of texts that are all N tokens long */
  readonly ids: T;
  /** (1, N): 0 … N − 1 */
  readonly positions: T;
  /** (1, N): 0, the first of two segments */
  readonly segments: T;
}

/** BERT's encoder (Devlin et al. 2019): post-norm transformer layers. @returns (B, N, D) */
export function bert<T>(ops: Ops<T>, weights: Weights<T>, c: BertConfig) {
  const width = c.hidden_size;
  const norm = (w: Weights<T>) => layerNorm(ops, w.at('LayerNorm'), width, c.layer_norm_eps);

  const layer = (w: Weights<T>) => {
    const attention = w.at('attention');
    const project = (name: string) => linear(ops, attention.at(`self.${name}`), width, width);
    const dense = (at: Weights<T>, inputs: number, outputs: number) => linear(ops, at.at('dense'), inputs, outputs);
    return (x: T): T => {
      const [q, k, v] = [project('query')(x), project('key')(x), project('value')(x)];
      const mixed = ops.attention(q, k, v, { heads: c.num_attention_heads, causal: false });
      x = norm(attention.at('output'))(ops.add(x, dense(attention.at('output'), width, width)(mixed)));
      const h = ops.activation(dense(w.at('intermediate'), width, c.intermediate_size)(x), c.hidden_act);
      return norm(w.at('output'))(ops.add(x, dense(w.at('output'), c.intermediate_size, width)(h)));
    };
  };

  return ({ ids, positions, segments }: BertInputs<T>): T => {
    const embeddings = weights.at('embeddings');
    const embed = (table: string, rows: number, at: T) =>
      ops.embedding(at, embeddings.get(`${table}_embeddings.weight`, [rows, width]));
    const places = ops.add(
      embed('position', c.max_position_embeddings, positions),
      embed('token_type', c.type_vocab_size, segments),
    );
    let x = norm(embeddings)(ops.add(embed('word', c.vocab_size, ids), places)); // (B, N, D)
    for (let i = 0; i < c.num_hidden_layers; i++) x = layer(weights.at(`encoder.layer.${i}`))(x);
    return x;
  };
}
