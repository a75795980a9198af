import type { Ops, Weights } from '../ops/ops.ts';
import { layerNorm, linear } from './layers.ts';

/** Keys and values of the tokens that a layer has seen, (B, M, D) each. */
export interface LayerMemory<T> {
  readonly keys: T;
  readonly values: T;
}

/**
 * Pre-norm transformer layer as diffusers names it: x ← x + attention(norm(x)); x ← x + mlp(norm(x)), four times as wide,
 * with GELU. Causal: a token sees itself and those before it.
 */
function transformerLayer<T>(ops: Ops<T>, w: Weights<T>, c: { readonly width: number; readonly heads: number }) {
  const { width, heads } = c;
  const project = (name: string) => linear(ops, w.at(`attn1.${name}`), width, width);
  /**
   * @param x     tokens (B, N, D)
   * @param bias  for the first keys, added to the scores; with a memory it must hide later ones of several x
   * @param past  what came before x
   * @returns x, and the memory with its tokens
   */
  return (x: T, bias: T, past?: LayerMemory<T>): { x: T; memory: LayerMemory<T> } => {
    let h = layerNorm(ops, w.at('norm1'), width)(x);
    const q = project('to_q')(h);
    const own = { keys: project('to_k')(h), values: project('to_v')(h) };
    const keys = past ? ops.concatTokens([past.keys, own.keys]) : own.keys;
    const values = past ? ops.concatTokens([past.values, own.values]) : own.values;
    h = ops.attention(q, keys, values, { heads, bias, causal: past === undefined });
    x = ops.add(x, w.at('attn1').tap(project('to_out.0')(h)));

    h = layerNorm(ops, w.at('norm3'), width)(x);
    h = ops.activation(linear(ops, w.at('ff.net.0.proj'), width, 4 * width)(h), 'gelu');
    x = w.tap(ops.add(x, w.at('ff').tap(linear(ops, w.at('ff.net.2'), 4 * width, width)(h))));
    return { x, memory: { keys, values } };
  };
}

/** A prior's layers, one after another. `past`, and the memory that comes back, hold one entry a layer. */
export function transformerLayers<T>(
  ops: Ops<T>,
  w: Weights<T>,
  c: { readonly num_layers: number; readonly num_attention_heads: number; readonly attention_head_dim: number },
) {
  const sizes = { width: c.num_attention_heads * c.attention_head_dim, heads: c.num_attention_heads };
  return (x: T, bias: T, past?: readonly LayerMemory<T>[]): { x: T; memory: LayerMemory<T>[] } => {
    const memory: LayerMemory<T>[] = [];
    for (let i = 0; i < c.num_layers; i++) {
      const seen = transformerLayer(ops, w.at(`transformer_blocks.${i}`), sizes)(x, bias, past?.[i]);
      x = seen.x;
      memory.push(seen.memory);
    }
    return { x, memory };
  };
}
