import { conv, conv3x3, groupNorm, linear } from '../../networks/layers.ts';
import type { Ops, Weights } from '../../ops/ops.ts';

export interface JudgeConfig {
  /** Channels after each halving of the picture; multiples of 16. */
  readonly channels: readonly number[];
  readonly classes: number;
}

const NORM = { groups: 16, eps: 1e-5 };

/**
 * A small residual network (He et al. 2016) with group norm: pixels (B, 3, S, S) → logits (B, classes). Convolutions, where
 * CLIP has attention: it shall not be misled by what misleads CLIP.
 */
export function judge<T>(ops: Ops<T>, w: Weights<T>, { channels, classes }: JudgeConfig) {
  return (pixels: T): T => {
    let x = pixels;
    let width = 3;
    for (const [i, outputs] of channels.entries()) {
      const stage = w.at(`stages.${i}`);
      x = conv(ops, stage.at('halve'), width, outputs, { kernel: 3, stride: 2, padding: [0, 0, 1, 1] })(x);
      x = ops.activation(groupNorm(ops, stage.at('norm'), outputs, NORM)(x), 'silu');
      // the first stage is at half the picture's size, where a block costs the most and sees the least
      if (i > 0) x = residualBlock(ops, stage.at('block'), outputs)(x);
      width = outputs;
    }
    return linear(ops, w.at('head'), width, classes)(mean(ops, x));
  };
}

function residualBlock<T>(ops: Ops<T>, w: Weights<T>, channels: number) {
  return (x: T): T => {
    let h = groupNorm(ops, w.at('norm1'), channels, NORM)(conv3x3(ops, w.at('conv1'), channels, channels)(x));
    h = conv3x3(ops, w.at('conv2'), channels, channels)(ops.activation(h, 'silu'));
    return ops.activation(ops.add(x, groupNorm(ops, w.at('norm2'), channels, NORM)(h)), 'silu');
  };
}

/** Over the 4 × 4 positions that are left: (B, C, 4, 4) → (B, C). */
const mean = <T>(ops: Ops<T>, x: T): T =>
  ops.takeToken(ops.tokensFromImage(ops.averagePool2x(ops.averagePool2x(x))), 0);
