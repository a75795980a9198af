import type { Activation, Ops, Weights } from '../ops/ops.ts';
import { layerNorm, linear } from './layers.ts';

export interface ClipLayerConfig {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_attention_heads: number;
  readonly hidden_act: Activation;
  readonly layer_norm_eps: number;
}

/** For zod's refine: each head has as many channels. */
export const headsDivideWidth: [(c: Pick<ClipLayerConfig, 'hidden_size' | 'num_attention_heads'>) => boolean, object] =
  [
    (c) => c.hidden_size % c.num_attention_heads === 0,
    { path: ['num_attention_heads'], message: 'a divisor of "hidden_size"' },
  ];

/** Pre-norm transformer layer of CLIP (Radford et al. 2021): x ← x + attention(norm(x)); x ← x + mlp(norm(x)). */
export function clipLayer<T>(ops: Ops<T>, w: Weights<T>, c: ClipLayerConfig, { causal }: { causal: boolean }) {
  const width = c.hidden_size;
  const norm = (name: string) => layerNorm(ops, w.at(name), width, c.layer_norm_eps);

  const selfAttention = (x: T): T => {
    const attention = w.at('self_attn');
    const project = (name: string) => linear(ops, attention.at(name), width, width);
    const [q, k, v] = [project('q_proj')(x), project('k_proj')(x), project('v_proj')(x)];
    return attention.tap(project('out_proj')(ops.attention(q, k, v, { heads: c.num_attention_heads, causal })));
  };
  const mlp = (x: T): T => {
    const h = ops.activation(linear(ops, w.at('mlp.fc1'), width, c.intermediate_size)(x), c.hidden_act);
    return w.at('mlp').tap(linear(ops, w.at('mlp.fc2'), c.intermediate_size, width)(h));
  };

  return (x: T): T => {
    x = ops.add(x, selfAttention(norm('layer_norm1')(x))); // (B, N, D)
    return w.tap(ops.add(x, mlp(norm('layer_norm2')(x))));
  };
}
