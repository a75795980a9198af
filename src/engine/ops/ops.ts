/**
 * The closed set of tensor operations that a network may use. A network is a plain function over it,
 * (ops, weights, config) => (inputs) => outputs, written once: the ONNX backend records a graph for serving,
 * the TensorFlow.js backend computes at once, with gradients, for training.
 *
 * Values have logical shapes; how they lie in memory is the backend's business (ONNX: NCHW, TensorFlow.js: NHWC):
 *   image   (B, C, H, W)    tokens (B, N, D)    vector (B, D)    ids (B, N) or (B), integers
 * B, H, W and N may be unknown while a graph is recorded; C and D are always known.
 */
export interface Ops<T> {
  /** y = x Wᵀ + b over the last axis; weight (O, I), bias (O). */
  linear(x: T, weight: T, bias?: T): T;
  /** weight (O, I, kH, kW), bias (O). */
  conv2d(x: T, weight: T, bias: T | undefined, options: Conv2dOptions): T;
  /** Image: mean and variance over each group of channels and all positions. */
  groupNorm(x: T, weight: T, bias: T, options: { groups: number; eps: number }): T;
  /** Over the last axis of tokens or vectors. */
  layerNorm(x: T, weight: T, bias: T, options: { eps: number }): T;
  /** Rows of table (V, D): ids (B, N) → (B, N, D). */
  embedding(ids: T, table: T): T;

  /** Element by element; a and b have the same rank, axes of size 1 are repeated. */
  add(a: T, b: T): T;
  sub(a: T, b: T): T;
  mul(a: T, b: T): T;
  /** x · factor + offset. */
  affine(x: T, factor: number, offset: number): T;
  activation(x: T, kind: Activation): T;
  sin(x: T): T;
  cos(x: T): T;
  /** A fixed tensor of the network (frequencies, masks), float32. */
  constant(data: Float32Array, shape: readonly number[]): T;

  /** Along channels of images, D of tokens and vectors. */
  concatChannels(parts: readonly T[]): T;
  /** Along N of tokens. */
  concatTokens(parts: readonly T[]): T;
  /** Equal parts along channels of images, D of tokens and vectors. */
  splitChannels(x: T, parts: number): T[];
  /** (B, C, H, W) → (B, H·W, C), rows first. */
  tokensFromImage(x: T): T;
  /** (B, H·W, C) → (B, C, H, W), with H and W of `like`. */
  imageFromTokens(x: T, like: T): T;
  /** (B, n·D) → (B, n, D). */
  tokensFromVector(x: T, n: number): T;
  /** (B, N, D) → (B, D, N). */
  transposeTokens(x: T): T;
  /** A parameter (D) or (N, D) → (1, 1, D) or (1, N, D). */
  tokensFromParameter(x: T): T;
  /** (B, D) → (B, D, 1, 1): a vector to add to or multiply with an image. */
  perChannel(x: T): T;
  /** (B, M) → (B, 1, 1, M): one number for each key, to add to attention scores. */
  perKey(x: T): T;
  /** Token `index` of each row, negative from the end: (B, N, D) → (B, D). */
  takeToken(x: T, index: number): T;
  /** Token positions[b] of row b: (B, N, D), (B) → (B, D). */
  gatherToken(x: T, positions: T): T;
  /** Tokens [from, to) of each row. */
  sliceTokens(x: T, from: number, to: number): T;
  /** (1, N, D) → (B, N, D) with the B of `like`. */
  repeatBatch(x: T, like: T): T;

  upsampleNearest2x(x: T): T;
  averagePool2x(x: T): T;
  /** Nearest neighbour to H and W of `like`. */
  resizeNearest(x: T, like: T): T;

  /**
   * softmax(QKᵀ/√d + bias)·V for each head, d = D/heads: (B, N, D), (B, M, D), (B, M, D) → (B, N, D).
   */
  attention(q: T, k: T, v: T, options: AttentionOptions<T>): T;
}

export interface AttentionOptions<T> {
  readonly heads: number;
  /** Added to the scores, (1 or B, 1 or heads, 1 or N, M); one for fewer keys is for the first of them, 0 for the rest. */
  readonly bias?: T;
  /** Token n sees keys 0 … n only. */
  readonly causal?: boolean;
}

export interface Conv2dOptions {
  readonly stride?: 1 | 2 | number;
  /** Zeros around the picture: all sides, or [top, left, bottom, right]. */
  readonly padding?: number | readonly [number, number, number, number];
}

/** Names as in torch: gelu is exact (erf), gelu_tanh its approximation, quick_gelu x·σ(1.702x). */
export const ACTIVATIONS = ['silu', 'gelu', 'gelu_tanh', 'quick_gelu', 'relu', 'mish', 'tanh', 'sigmoid'] as const;
export type Activation = (typeof ACTIVATIONS)[number];

/** Parameters by their names in the checkpoint, such as `down_blocks.1.resnets.0.conv1.weight`. */
export interface Weights<T> {
  /** The parameters below a prefix. */
  at(prefix: string): Weights<T>;
  has(name: string): boolean;
  /** @throws WeightMismatchError when it is missing or has another shape. */
  get(name: string, shape: readonly number[]): T;
  /** Shows the output of the module that these parameters belong to, to whoever compares inner values; returns it. */
  tap(output: T): T;
}
