import type { Ops, Weights } from '../ops/ops.ts';
import { groupNorm, linear } from './layers.ts';

export interface AddedKvAttentionShape {
  readonly channels: number;
  readonly headWidth: number;
  readonly contextWidth: number;
  readonly groups: number;
  /** The picture attends to the context alone. */
  readonly onlyContext: boolean;
}

/**
 * GLIDE's attention (Nichol et al. 2021): the picture attends to [context ∥ itself],
 * keys and values of the context having projections of their own.
 */
export function addedKvAttention<T>(ops: Ops<T>, w: Weights<T>, shape: AddedKvAttentionShape) {
  const { channels, headWidth, contextWidth, groups, onlyContext } = shape;
  const fromImage = (name: string) => linear(ops, w.at(name), channels, channels);
  const fromContext = (name: string) => linear(ops, w.at(name), contextWidth, channels);

  /**
   * @param x            (B, C, H, W)
   * @param context      (B, M, D)
   * @param contextBias  (B, 1, 1, M), added to the scores of the context
   */
  return (x: T, context: T, contextBias?: T): T => {
    const h = ops.tokensFromImage(groupNorm(ops, w.at('group_norm'), channels, { groups, eps: 1e-5 })(x)); // (B, H·W, C)
    const q = fromImage('to_q')(h);
    const seen = (ofContext: string, ofImage: string) => {
      const fromOthers = fromContext(ofContext)(context);
      return onlyContext ? fromOthers : ops.concatTokens([fromOthers, fromImage(ofImage)(h)]);
    };
    const k = seen('add_k_proj', 'to_k'); // (B, M + H·W, C), or (B, M, C)
    const v = seen('add_v_proj', 'to_v');
    const heads = channels / headWidth;
    const attended = ops.attention(q, k, v, contextBias === undefined ? { heads } : { heads, bias: contextBias });
    return w.tap(ops.add(x, ops.imageFromTokens(fromImage('to_out.0')(attended), x)));
  };
}
