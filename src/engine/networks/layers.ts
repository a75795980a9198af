import type { Conv2dOptions, Ops, Weights } from '../ops/ops.ts';

// The layers that all networks are made of, as torch names and stores them.
// Shapes in comments: B batch, C channels, H and W pixels, N and M tokens, D width, E width of the time embedding.

/** torch.nn.Linear: y = x Wᵀ + b. */
export function linear<T>(ops: Ops<T>, w: Weights<T>, inputs: number, outputs: number) {
  return (x: T): T => w.tap(ops.linear(x, w.get('weight', [outputs, inputs]), w.get('bias', [outputs])));
}

/** torch.nn.Conv2d with a square kernel. */
export function conv<T>(
  ops: Ops<T>,
  w: Weights<T>,
  inputs: number,
  outputs: number,
  c: Conv2dOptions & { kernel: number },
) {
  const { kernel, ...options } = c;
  return (x: T): T =>
    w.tap(ops.conv2d(x, w.get('weight', [outputs, inputs, kernel, kernel]), w.get('bias', [outputs]), options));
}

/** 3×3, the picture keeps its size. */
export const conv3x3 = <T>(ops: Ops<T>, w: Weights<T>, inputs: number, outputs: number) =>
  conv(ops, w, inputs, outputs, { kernel: 3, padding: 1 });

export const conv1x1 = <T>(ops: Ops<T>, w: Weights<T>, inputs: number, outputs: number) =>
  conv(ops, w, inputs, outputs, { kernel: 1 });

/** Wu & He 2018. */
export function groupNorm<T>(ops: Ops<T>, w: Weights<T>, channels: number, c: { groups: number; eps: number }) {
  return (x: T): T => w.tap(ops.groupNorm(x, w.get('weight', [channels]), w.get('bias', [channels]), c));
}

export function layerNorm<T>(ops: Ops<T>, w: Weights<T>, width: number, eps = 1e-5) {
  return (x: T): T => w.tap(ops.layerNorm(x, w.get('weight', [width]), w.get('bias', [width]), { eps }));
}

/** A mask of tokens (B, N), 1 token, 0 padding, as what attention adds to the scores: (B, 1, 1, N). */
export const paddingBias = <T>(ops: Ops<T>, mask: T): T => ops.perKey(ops.affine(mask, 10_000, -10_000));
