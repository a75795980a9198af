import { z } from 'zod';
import type { Ops, Weights } from '../ops/ops.ts';
import { count } from '../weights/config.ts';
import { conv, conv3x3, groupNorm, linear } from './layers.ts';

/** config.json of a classifier. */
export const ClassifierConfig = z
  .strictObject({
    /** Side of the pictures that it sees: a power of two that can be halved for each stage. */
    image_size: count(),
    /** After each halving of the picture; multiples of 16. */
    channels: z.array(count()).min(2),
    /** Width of the vectors in which styles lie. */
    style_width: count(),
    /** What it tells apart, in the order of its logits: names of concepts, and styles. */
    concepts: z.array(z.string()).min(2),
    styles: z.array(z.string()).min(1),
  })
  .refine(({ image_size, channels }) => Number.isInteger(Math.log2(image_size)) && image_size >= 2 ** channels.length, {
    path: ['image_size'],
    message: 'a power of two, which is halved for each of the "channels"',
  });
export type ClassifierConfig = z.infer<typeof ClassifierConfig>;

/** What a classifier says of one picture in each row. */
export interface Classes<T> {
  /** Logits (B, concepts). */
  readonly concepts: T;
  /** (B, style_width): near each other where styles are alike. */
  readonly style: T;
  /** Logits (B, styles). */
  readonly styles: T;
  /** After each stage, as the backend has pictures: with TensorFlow.js (B, side, side, C). */
  readonly stages: readonly T[];
}

const NORM = { groups: 16, eps: 1e-5 };
/** Stages of which the style is read: they see lines and colours, the later ones things. */
const STYLE_STAGES = 2;

/**
 * A small residual network (He et al. 2016) with group norm: pixels (B, 3, S, S) → what they show, and in which style:
 * that by mean and mean square of early channels, wherever in the picture (Gatys et al. 2016 take their products).
 */
export function classifier<T>(ops: Ops<T>, w: Weights<T>, c: ClassifierConfig) {
  const activate = (x: T) => ops.activation(x, 'silu');
  const norm = (w: Weights<T>, channels: number) => groupNorm(ops, w, channels, NORM);

  return (pixels: T): Classes<T> => {
    let x = pixels;
    let [width, side] = [3, c.image_size];
    const [statistics, stages]: [T[], T[]] = [[], []];
    for (const [i, channels] of c.channels.entries()) {
      const stage = w.at(`stages.${i}`);
      x = conv(ops, stage.at('halve'), width, channels, { kernel: 3, stride: 2, padding: [0, 0, 1, 1] })(x);
      x = activate(norm(stage.at('norm'), channels)(x));
      x = residualBlock(stage.at('block'), channels)(x);
      [width, side] = [channels, side / 2];
      stages.push(x);
      if (i < STYLE_STAGES) statistics.push(mean(ops, x, side), mean(ops, ops.mul(x, x), side));
    }
    const statisticsWidth = 2 * c.channels.slice(0, STYLE_STAGES).reduce((sum, channels) => sum + channels, 0);
    const style = linear(ops, w.at('style'), statisticsWidth, c.style_width)(ops.concatChannels(statistics));
    return {
      concepts: linear(ops, w.at('concepts'), width, c.concepts.length)(mean(ops, x, side)),
      style,
      styles: linear(ops, w.at('styles'), c.style_width, c.styles.length)(activate(style)),
      stages,
    };
  };

  function residualBlock(w: Weights<T>, channels: number) {
    return (x: T): T => {
      let h = activate(norm(w.at('norm1'), channels)(conv3x3(ops, w.at('conv1'), channels, channels)(x)));
      h = norm(w.at('norm2'), channels)(conv3x3(ops, w.at('conv2'), channels, channels)(h));
      return activate(ops.add(x, h));
    };
  }
}

/** Over all side × side positions: (B, C, side, side) → (B, C). */
function mean<T>(ops: Ops<T>, x: T, side: number): T {
  for (; side > 1; side /= 2) x = ops.averagePool2x(x);
  return ops.takeToken(ops.tokensFromImage(x), 0);
}
