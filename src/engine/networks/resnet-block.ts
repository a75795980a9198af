import type { Activation, Ops, Weights } from '../ops/ops.ts';
import { conv1x1, conv3x3, groupNorm, linear } from './layers.ts';

export interface ResnetBlockConfig {
  readonly act_fn: Activation;
  readonly norm_num_groups: number;
  readonly norm_eps: number;
  readonly resnet_time_scale_shift: 'default' | 'scale_shift';
}

export interface ResnetBlockShape {
  readonly inputs: number;
  readonly outputs: number;
  /** Width of the time embedding. */
  readonly timeWidth: number;
  readonly resample?: 'up' | 'down' | undefined;
  /** The sum of both branches is divided by it. */
  readonly outputScale: number;
}

/**
 * ResNet block conditioned on t (Dhariwal & Nichol 2021): with scale_shift h ← GN(h)·(1 + γ(t)) + β(t),
 * by default h ← GN(h + β(t)). Up and down blocks resample inside, before the first convolution, on both branches.
 */
export function resnetBlock<T>(ops: Ops<T>, w: Weights<T>, c: ResnetBlockConfig, shape: ResnetBlockShape) {
  const { inputs, outputs, timeWidth, resample, outputScale } = shape;
  const scaleShift = c.resnet_time_scale_shift === 'scale_shift';
  const norm = (name: string, channels: number) =>
    groupNorm(ops, w.at(name), channels, { groups: c.norm_num_groups, eps: c.norm_eps });
  const activate = (x: T) => ops.activation(x, c.act_fn);
  const resize = (x: T) => {
    if (resample === undefined) return x;
    return resample === 'up' ? ops.upsampleNearest2x(x) : ops.averagePool2x(x);
  };

  /** @param time  the time embedding, activated unless the config skips that */
  return (x: T, time: T): T => {
    let h = resize(activate(norm('norm1', inputs)(x))); // (B, C, H, W)
    x = resize(x);
    h = conv3x3(ops, w.at('conv1'), inputs, outputs)(h);

    const projected = linear(ops, w.at('time_emb_proj'), timeWidth, scaleShift ? 2 * outputs : outputs)(time);
    if (scaleShift) {
      const [scale, shift] = ops.splitChannels(projected, 2).map(ops.perChannel, ops) as [T, T];
      h = ops.add(ops.mul(norm('norm2', outputs)(h), ops.affine(scale, 1, 1)), shift);
    } else {
      h = norm('norm2', outputs)(ops.add(h, ops.perChannel(projected)));
    }

    h = conv3x3(ops, w.at('conv2'), outputs, outputs)(activate(h));
    if (inputs !== outputs) x = conv1x1(ops, w.at('conv_shortcut'), inputs, outputs)(x);
    const sum = ops.add(x, h);
    return w.tap(outputScale === 1 ? sum : ops.affine(sum, 1 / outputScale, 0));
  };
}
