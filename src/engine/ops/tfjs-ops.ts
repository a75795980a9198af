import type * as tfjs from '@tensorflow/tfjs-core';
import type { Activation, AttentionOptions, Conv2dOptions, Ops } from './ops.ts';
import { groupNorm, layerNorm, quickGelu, silu } from './tfjs-gradients.ts';
import { preciseCos, preciseSin } from './tfjs-sine.ts';

/** The API of TensorFlow.js, whichever backend runs it. */
export type TensorFlow = typeof tfjs;
type T = tfjs.Tensor;

const OUT_OF_SIGHT = -1e9;

/**
 * Computes at once with TensorFlow.js, differentiable, whichever backend it runs on. Images lie as NHWC, convolution
 * weights as HWIO; everything else, attention biases too, as its logical shape says.
 */
export class TfjsOps implements Ops<T> {
  readonly tf: TensorFlow;

  constructor(tf: TensorFlow) {
    this.tf = tf;
  }

  /** (B, C, H, W) → an image of this backend. */
  image(x: T): T {
    return this.tf.transpose(x, [0, 2, 3, 1]);
  }
  /** An image of this backend → (B, C, H, W). */
  fromImage(x: T): T {
    return this.tf.transpose(x, [0, 3, 1, 2]);
  }
  /** A parameter as checkpoints have it: of rank 4 it is a convolution's, (O, I, kH, kW). */
  weight(w: T): T {
    return w.rank === 4 ? this.tf.transpose(w, [2, 3, 1, 0]) : w;
  }

  linear(x: T, weight: T, bias?: T): T {
    const [outputs, inputs] = weight.shape as [number, number];
    const product = this.tf.matMul(this.tf.reshape(x, [-1, inputs]), weight, false, true);
    return this.tf.reshape(bias ? this.tf.add(product, bias) : product, [...x.shape.slice(0, -1), outputs]);
  }

  conv2d(x: T, weight: T, bias: T | undefined, { stride = 1, padding = 0 }: Conv2dOptions): T {
    const [top, left, bottom, right] = typeof padding === 'number' ? [padding, padding, padding, padding] : padding;
    const [, height, width] = x.shape as Size4;
    const [kernelHeight, kernelWidth] = weight.shape as Size4;
    const same = isSame(height, kernelHeight, stride, top, bottom) && isSame(width, kernelWidth, stride, left, right);
    // TensorFlow's gradients know 'same' and 'valid' only
    const padded = same || top + left + bottom + right === 0 ? x : this.#pad(x, top, left, bottom, right);
    const y = this.tf.conv2d(padded as tfjs.Tensor4D, weight as tfjs.Tensor4D, stride, same ? 'same' : 'valid');
    return bias ? this.tf.add(y, bias) : y;
  }

  #pad(x: T, top: number, left: number, bottom: number, right: number): T {
    return this.tf.pad(x, [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ]);
  }

  groupNorm(x: T, weight: T, bias: T, { groups, eps }: { groups: number; eps: number }): T {
    return groupNorm(this.tf, x, weight, bias, groups, eps);
  }
  layerNorm(x: T, weight: T, bias: T, { eps }: { eps: number }): T {
    return layerNorm(this.tf, x, weight, bias, eps);
  }
  embedding(ids: T, table: T): T {
    return this.tf.gather(table, this.tf.cast(ids, 'int32'));
  }

  add(a: T, b: T): T {
    return this.tf.add(a, b);
  }
  sub(a: T, b: T): T {
    return this.tf.sub(a, b);
  }
  mul(a: T, b: T): T {
    return this.tf.mul(a, b);
  }
  affine(x: T, factor: number, offset: number): T {
    const scaled = factor === 1 ? x : this.tf.mul(x, factor);
    return offset === 0 ? scaled : this.tf.add(scaled, offset);
  }
  activation(x: T, kind: Activation): T {
    const { tf } = this;
    switch (kind) {
      case 'silu':
        return silu(tf, x);
      case 'quick_gelu':
        return quickGelu(tf, x);
      case 'gelu':
        return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
      case 'gelu_tanh': {
        const cubic = tf.add(x, tf.mul(0.044715, tf.mul(x, tf.square(x))));
        return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(tf.mul(Math.sqrt(2 / Math.PI), cubic)), 1));
      }
      case 'relu':
        return tf.relu(x);
      case 'mish':
        return tf.mul(x, tf.tanh(tf.softplus(x)));
      case 'tanh':
        return tf.tanh(x);
      case 'sigmoid':
        return tf.sigmoid(x);
    }
  }
  sin(x: T): T {
    return this.tf.getBackend() === 'webgpu' ? preciseSin(this.tf, x) : this.tf.sin(x);
  }
  cos(x: T): T {
    return this.tf.getBackend() === 'webgpu' ? preciseCos(this.tf, x) : this.tf.cos(x);
  }
  constant(data: Float32Array, shape: readonly number[]): T {
    return this.tf.tensor(data, [...shape]);
  }

  concatChannels(parts: readonly T[]): T {
    return this.tf.concat([...parts], -1);
  }
  concatTokens(parts: readonly T[]): T {
    return this.tf.concat([...parts], 1);
  }
  splitChannels(x: T, parts: number): T[] {
    return this.tf.split(x, parts, -1);
  }
  tokensFromImage(x: T): T {
    const [batch, height, width, channels] = x.shape as Size4;
    return this.tf.reshape(x, [batch, height * width, channels]);
  }
  imageFromTokens(x: T, like: T): T {
    const [batch, , channels] = x.shape as [number, number, number];
    const [, height, width] = like.shape as Size4;
    return this.tf.reshape(x, [batch, height, width, channels]);
  }
  tokensFromVector(x: T, n: number): T {
    const [batch, width] = x.shape as [number, number];
    return this.tf.reshape(x, [batch, n, width / n]);
  }
  transposeTokens(x: T): T {
    return this.tf.transpose(x, [0, 2, 1]);
  }
  tokensFromParameter(x: T): T {
    return this.tf.reshape(x, [1, -1, x.shape.at(-1) as number]);
  }
  perChannel(x: T): T {
    const [batch, channels] = x.shape as [number, number];
    return this.tf.reshape(x, [batch, 1, 1, channels]);
  }
  perKey(x: T): T {
    const [batch, keys] = x.shape as [number, number];
    return this.tf.reshape(x, [batch, 1, 1, keys]);
  }
  takeToken(x: T, index: number): T {
    const [batch, tokens, width] = x.shape as [number, number, number];
    const token = this.tf.slice(x, [0, index < 0 ? tokens + index : index, 0], [batch, 1, width]);
    return this.tf.reshape(token, [batch, width]);
  }
  /** As a product with one-hot rows: TensorFlow.js has no gradient for GatherND. */
  gatherToken(x: T, positions: T): T {
    const [batch, tokens, width] = x.shape as [number, number, number];
    const oneHot = this.tf.cast(this.tf.oneHot(this.tf.cast(positions, 'int32') as tfjs.Tensor1D, tokens), 'float32');
    return this.tf.reshape(this.tf.matMul(this.tf.reshape(oneHot, [batch, 1, tokens]), x), [batch, width]);
  }
  sliceTokens(x: T, from: number, to: number): T {
    const [batch, , width] = x.shape as [number, number, number];
    return this.tf.slice(x, [0, from, 0], [batch, to - from, width]);
  }
  repeatBatch(x: T, like: T): T {
    const [, tokens, width] = x.shape as [number, number, number];
    return this.tf.broadcastTo(x, [like.shape[0] as number, tokens, width]);
  }

  /** By reshaping and joining: the gradient of TensorFlow.js's own resizing is wrong on its JavaScript backend. */
  upsampleNearest2x(x: T): T {
    const [batch, height, width, channels] = x.shape as Size4;
    const columns = this.tf.reshape(x, [batch * height * width, 1, channels]);
    const rows = this.tf.reshape(this.tf.concat([columns, columns], 1), [batch * height, 1, 2 * width * channels]);
    return this.tf.reshape(this.tf.concat([rows, rows], 1), [batch, 2 * height, 2 * width, channels]);
  }
  averagePool2x(x: T): T {
    return this.tf.avgPool(x as tfjs.Tensor4D, 2, 2, 'valid');
  }
  resizeNearest(x: T, like: T): T {
    const nearest = (axis: number) => {
      const [from, to] = [x.shape[axis] as number, like.shape[axis] as number];
      return Array.from({ length: to }, (_, i) => Math.floor((i * from) / to));
    };
    const alongHeight = this.tf.gather(x, this.tf.tensor1d(nearest(1), 'int32'), 1);
    return this.tf.gather(alongHeight, this.tf.tensor1d(nearest(2), 'int32'), 2);
  }

  attention(q: T, k: T, v: T, { heads, bias, causal }: AttentionOptions<T>): T {
    const { tf } = this;
    const [batch, queries, width] = q.shape as [number, number, number];
    const keys = k.shape[1] as number;
    const split = (x: T) => tf.transpose(tf.reshape(x, [batch, -1, heads, width / heads]), [0, 2, 1, 3]);
    let scores = tf.mul(tf.matMul(split(q), split(k), false, true), Math.sqrt(heads / width));
    if (bias) scores = tf.add(scores, this.#forAllKeys(bias, keys));
    if (causal) scores = tf.add(scores, this.#causalBias(queries, keys));
    const mixed = tf.matMul(tf.softmax(scores), split(v));
    return tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch, queries, width]);
  }

  /** Zeros for the keys beyond those that the bias is given for. */
  #forAllKeys(bias: T, keys: number): T {
    const missing = keys - (bias.shape[3] as number);
    if (missing === 0) return bias;
    return this.tf.pad(bias, [
      [0, 0],
      [0, 0],
      [0, 0],
      [0, missing],
    ]);
  }

  #causalBias(queries: number, keys: number): T {
    const bias = new Float32Array(queries * keys);
    for (let n = 0; n < queries; n++) bias.fill(OUT_OF_SIGHT, n * keys + n + 1, (n + 1) * keys);
    return this.tf.tensor(bias, [1, 1, queries, keys]);
  }
}

/** (B, H, W, C), or (kH, kW, I, O). */
type Size4 = [number, number, number, number];

/** Whether these zeros are those that TensorFlow's 'same' adds: the odd one behind. */
function isSame(size: number, kernel: number, stride: number, before: number, after: number): boolean {
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + kernel - size, 0);
  return before === Math.floor(total / 2) && after === total - before;
}
