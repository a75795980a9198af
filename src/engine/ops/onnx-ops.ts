import type { Dtype, TensorEntry } from '../weights/safetensors.ts';
import { type AttributeValue, DataType, DYNAMIC, OnnxGraph } from './onnx-graph.ts';
import type { Activation, AttentionOptions, Conv2dOptions, Ops } from './ops.ts';

/** A value of the graph being recorded; DYNAMIC (−1) marks a size that is known only when it runs. */
export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly number[];
  /** The name in the checkpoint, of a parameter. */
  readonly parameter?: string;
}

const WEIGHT_TYPES: Partial<Record<Dtype, DataType>> = {
  F32: DataType.FLOAT,
  F16: DataType.FLOAT16,
  BF16: DataType.BFLOAT16,
};

/**
 * Records an ONNX graph of standard operators (opset 23), images as NCHW, that holds no weights:
 * they are read by onnxruntime from the safetensors files.
 */
export class OnnxOps implements Ops<OnnxValue> {
  readonly graph = new OnnxGraph();

  input(name: string, shape: readonly number[], type: 'float' | 'integer' = 'float'): OnnxValue {
    this.graph.input(name, type === 'float' ? DataType.FLOAT : DataType.INT32, shape);
    return { name, shape };
  }

  output(name: string, x: OnnxValue): void {
    this.graph.output(name, x.name, x.shape);
  }

  /** A parameter as float32; half precision is cast while the session is created. */
  weight(entry: TensorEntry): OnnxValue {
    const dataType = WEIGHT_TYPES[entry.dtype];
    if (dataType === undefined) throw new TypeError(`${entry.name}: expected F32, F16 or BF16, found ${entry.dtype}`);
    const value = { name: this.graph.external(entry, dataType), shape: entry.shape, parameter: entry.name };
    if (dataType === DataType.FLOAT) return value;
    return { ...this.node('Cast', [value], entry.shape, { to: DataType.FLOAT }), parameter: entry.name };
  }

  /**
   * As Gemm, which takes the weight as it lies in its file. For MatMul onnxruntime would transpose it while the session
   * is created: twice the memory for weights of gigabytes, and no faster.
   */
  linear(x: OnnxValue, weight: OnnxValue, bias?: OnnxValue): OnnxValue {
    const [outputs, inputs] = weight.shape as [number, number];
    const isVector = x.shape.length === 2;
    const rows = isVector ? x : this.#reshape(x, [-1, inputs], [DYNAMIC, inputs]);
    const operands = bias ? [rows, weight, bias] : [rows, weight];
    const product = this.node('Gemm', operands, [rows.shape[0]!, outputs], { transB: 1 });
    if (isVector) return product;
    const sizes = this.#concatSizes([this.#sizes(x, 0, x.shape.length - 1), this.integers([outputs])]);
    return this.node('Reshape', [product, sizes], [...x.shape.slice(0, -1), outputs]);
  }

  conv2d(x: OnnxValue, weight: OnnxValue, bias: OnnxValue | undefined, options: Conv2dOptions): OnnxValue {
    const { shape, attributes } = convolution(x, weight, options);
    return this.node('Conv', bias ? [x, weight, bias] : [x, weight], shape, attributes);
  }

  /** As a LayerNormalization of each group: onnxruntime runs it 1.5 to 3 times as fast as its GroupNormalization. */
  groupNorm(
    x: OnnxValue,
    weight: OnnxValue,
    bias: OnnxValue,
    { groups, eps }: { groups: number; eps: number },
  ): OnnxValue {
    const channels = x.shape[1] as number;
    const grouped = this.#reshape(x, [0, groups, -1], [x.shape[0]!, groups, DYNAMIC]);
    const ones: OnnxValue = this.node('Expand', [this.#scalar(1), this.#sizes(grouped, 2, 3)], [DYNAMIC]);
    const normalized = this.node('LayerNormalization', [grouped, ones], grouped.shape, {
      axis: -1,
      epsilon: { float: eps },
    });
    const image = this.node('Reshape', [normalized, this.#sizes(x, 0, 4)], x.shape);
    const [scale, shift] = [weight, bias].map((w) => this.#reshape(w, [channels, 1, 1], [channels, 1, 1]));
    return this.node('Add', [this.node('Mul', [image, scale!], x.shape), shift!], x.shape);
  }

  layerNorm(x: OnnxValue, weight: OnnxValue, bias: OnnxValue, { eps }: { eps: number }): OnnxValue {
    return this.node('LayerNormalization', [x, weight, bias], x.shape, { axis: -1, epsilon: { float: eps } });
  }

  embedding(ids: OnnxValue, table: OnnxValue): OnnxValue {
    return this.node('Gather', [table, ids], [...ids.shape, table.shape[1]!]);
  }

  add(a: OnnxValue, b: OnnxValue): OnnxValue {
    return this.node('Add', [a, b], broadcast(a, b));
  }
  sub(a: OnnxValue, b: OnnxValue): OnnxValue {
    return this.node('Sub', [a, b], broadcast(a, b));
  }
  mul(a: OnnxValue, b: OnnxValue): OnnxValue {
    return this.node('Mul', [a, b], broadcast(a, b));
  }
  affine(x: OnnxValue, factor: number, offset: number): OnnxValue {
    const scaled = factor === 1 ? x : this.node('Mul', [x, this.#scalar(factor)], x.shape);
    return offset === 0 ? scaled : this.node('Add', [scaled, this.#scalar(offset)], x.shape);
  }

  activation(x: OnnxValue, kind: Activation): OnnxValue {
    switch (kind) {
      case 'silu':
        return this.mul(x, this.node('Sigmoid', [x], x.shape));
      case 'quick_gelu':
        return this.mul(x, this.node('Sigmoid', [this.affine(x, 1.702, 0)], x.shape));
      case 'gelu':
        return this.node('Gelu', [x], x.shape);
      case 'gelu_tanh':
        return this.node('Gelu', [x], x.shape, { approximate: 'tanh' });
      case 'relu':
        return this.node('Relu', [x], x.shape);
      case 'mish':
        return this.node('Mish', [x], x.shape);
      case 'tanh':
        return this.node('Tanh', [x], x.shape);
      case 'sigmoid':
        return this.node('Sigmoid', [x], x.shape);
    }
  }
  sin(x: OnnxValue): OnnxValue {
    return this.node('Sin', [x], x.shape);
  }
  cos(x: OnnxValue): OnnxValue {
    return this.node('Cos', [x], x.shape);
  }
  constant(data: Float32Array, shape: readonly number[]): OnnxValue {
    return { name: this.graph.constant(data, shape), shape };
  }

  concatChannels(parts: readonly OnnxValue[]): OnnxValue {
    return this.#concat(parts, channelAxis(parts[0]!));
  }
  concatTokens(parts: readonly OnnxValue[]): OnnxValue {
    return this.#concat(parts, 1);
  }
  splitChannels(x: OnnxValue, parts: number): OnnxValue[] {
    const axis = channelAxis(x);
    const shape = x.shape.with(axis, (x.shape[axis] as number) / parts);
    return this.graph.node('Split', [x.name], { axis, num_outputs: parts }, parts).map((name) => ({ name, shape }));
  }
  tokensFromImage(x: OnnxValue): OnnxValue {
    const [batch, channels, height, width] = x.shape as Size4;
    const positions = height === DYNAMIC || width === DYNAMIC ? DYNAMIC : height * width;
    return this.#transpose(this.#reshape(x, [0, 0, -1], [batch, channels, positions]), [0, 2, 1]);
  }
  imageFromTokens(x: OnnxValue, like: OnnxValue): OnnxValue {
    const [batch, , channels] = x.shape as Size3;
    const [, , height, width] = like.shape as Size4;
    const sizes = this.#concatSizes([
      this.#sizes(x, 0, 1),
      this.integers([channels as number]),
      this.#sizes(like, 2, 4),
    ]);
    return this.node('Reshape', [this.#transpose(x, [0, 2, 1]), sizes], [batch, channels, height, width]);
  }
  tokensFromVector(x: OnnxValue, n: number): OnnxValue {
    const [batch, width] = x.shape as [number, number];
    return this.#reshape(x, [0, n, width / n], [batch, n, width / n]);
  }
  transposeTokens(x: OnnxValue): OnnxValue {
    return this.#transpose(x, [0, 2, 1]);
  }
  tokensFromParameter(x: OnnxValue): OnnxValue {
    const [tokens, width] = x.shape.length === 1 ? [1, x.shape[0]!] : [x.shape[0]!, x.shape[1]!];
    return this.#reshape(x, [1, tokens, width], [1, tokens, width]);
  }
  perChannel(x: OnnxValue): OnnxValue {
    return this.#reshape(x, [0, 0, 1, 1], [...x.shape, 1, 1]);
  }
  perKey(x: OnnxValue): OnnxValue {
    const [batch, keys] = x.shape as [number, number];
    return this.node('Unsqueeze', [x, this.integers([1, 2])], [batch, 1, 1, keys]);
  }
  takeToken(x: OnnxValue, index: number): OnnxValue {
    const [batch, , width] = x.shape as Size3;
    return this.node('Gather', [x, this.integers(index)], [batch, width], { axis: 1 });
  }
  gatherToken(x: OnnxValue, positions: OnnxValue): OnnxValue {
    const [batch, , width] = x.shape as Size3;
    const wide = this.node('Cast', [positions], positions.shape, { to: DataType.INT64 });
    const indices = this.node('Unsqueeze', [wide, this.integers([1])], [batch, 1]);
    return this.node('GatherND', [x, indices], [batch, width], { batch_dims: 1 });
  }
  sliceTokens(x: OnnxValue, from: number, to: number): OnnxValue {
    const [batch, , width] = x.shape as Size3;
    const range = [from, to].map((n) => this.integers([n]));
    return this.node('Slice', [x, ...range, this.integers([1])], [batch, to - from, width]);
  }
  repeatBatch(x: OnnxValue, like: OnnxValue): OnnxValue {
    const sizes = this.#concatSizes([this.#sizes(like, 0, 1), this.integers([1, 1])]);
    return this.node('Expand', [x, sizes], x.shape.with(0, like.shape[0]!));
  }

  upsampleNearest2x(x: OnnxValue): OnnxValue {
    const [batch, channels, height, width] = x.shape as Size4;
    const twice = (size: number) => (size === DYNAMIC ? DYNAMIC : 2 * size);
    const scales = this.constant(Float32Array.of(1, 1, 2, 2), [4]);
    return this.#resize([x, OMITTED, scales], [batch, channels, twice(height), twice(width)]);
  }
  averagePool2x(x: OnnxValue): OnnxValue {
    const [batch, channels, height, width] = x.shape as Size4;
    const half = (size: number) => (size === DYNAMIC ? DYNAMIC : Math.floor(size / 2));
    const window = { kernel_shape: [2, 2], strides: [2, 2] };
    return this.node('AveragePool', [x], [batch, channels, half(height), half(width)], window);
  }
  resizeNearest(x: OnnxValue, like: OnnxValue): OnnxValue {
    const sizes = this.#concatSizes([this.#sizes(x, 0, 2), this.#sizes(like, 2, 4)]);
    return this.#resize([x, OMITTED, OMITTED, sizes], [...x.shape.slice(0, 2), ...like.shape.slice(2)]);
  }

  attention(q: OnnxValue, k: OnnxValue, v: OnnxValue, options: AttentionOptions<OnnxValue>): OnnxValue {
    const { heads, bias, causal = false } = options;
    const attributes = { q_num_heads: heads, kv_num_heads: heads, is_causal: causal ? 1 : 0 };
    const inputs = bias ? [q, k, v, this.#forAllTokens(this.#forAllKeys(bias, k), q)] : [q, k, v];
    return this.node('Attention', inputs, q.shape, attributes);
  }

  /** Zeros for the keys beyond those that the bias is given for. */
  #forAllKeys(bias: OnnxValue, k: OnnxValue): OnnxValue {
    const [keys, given] = [k.shape[1]!, bias.shape[3]!];
    if (keys !== DYNAMIC && keys === given) return bias;
    const missing = this.node('Sub', [this.#sizes(k, 1, 2), this.#sizes(bias, 3, 4)], [1]);
    const pads = this.#concatSizes([this.integers([0]), missing]);
    return this.node('Pad', [bias, pads, OMITTED, this.integers([3])], bias.shape.with(3, keys));
  }

  /** onnxruntime wants a row of scores for each query token. */
  #forAllTokens(bias: OnnxValue, q: OnnxValue): OnnxValue {
    if (bias.shape[2] !== 1) return bias;
    const sizes = this.#concatSizes([this.integers([1, 1]), this.#sizes(q, 1, 2), this.integers([1])]);
    return this.node('Expand', [bias, sizes], bias.shape.with(2, q.shape[1]!));
  }

  protected node(
    opType: string,
    inputs: readonly OnnxValue[],
    shape: readonly number[],
    attributes?: Record<string, AttributeValue>,
  ): OnnxValue {
    const names = inputs.map(({ name }) => name);
    return { name: this.graph.node(opType, names, attributes)[0]!, shape };
  }

  #transpose(x: OnnxValue, perm: number[]): OnnxValue {
    return this.node(
      'Transpose',
      [x],
      perm.map((axis) => x.shape[axis]!),
      { perm },
    );
  }

  #concat(parts: readonly OnnxValue[], axis: number): OnnxValue {
    const sizes = parts.map(({ shape }) => shape[axis]!);
    const total = sizes.includes(DYNAMIC) ? DYNAMIC : sizes.reduce((a, b) => a + b, 0);
    return this.node('Concat', parts, parts[0]!.shape.with(axis, total), { axis });
  }

  /** In `sizes`, 0 keeps the size of that axis and −1 takes what remains. */
  #reshape(x: OnnxValue, sizes: number[], shape: readonly number[]): OnnxValue {
    return this.node('Reshape', [x, this.integers(sizes)], shape);
  }

  #resize(inputs: OnnxValue[], shape: readonly number[]): OnnxValue {
    return this.node('Resize', inputs, shape, {
      mode: 'nearest',
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
    });
  }

  /** The sizes of axes [from, to), as the graph finds them when it runs. */
  #sizes(x: OnnxValue, from: number, to: number): OnnxValue {
    return this.node('Shape', [x], [to - from], { start: from, end: to });
  }

  #concatSizes(parts: OnnxValue[]): OnnxValue {
    return this.#concat(parts, 0);
  }

  protected integers(values: number | readonly number[]): OnnxValue {
    const shape = typeof values === 'number' ? [] : [values.length];
    return { name: this.graph.constant(BigInt64Array.from([values].flat().map(BigInt)), shape), shape };
  }

  #scalar(value: number): OnnxValue {
    return this.constant(Float32Array.of(value), []);
  }
}

/** Shape and attributes of a convolution's node. */
export function convolution(x: OnnxValue, weight: OnnxValue, { stride = 1, padding = 0 }: Conv2dOptions) {
  const [top, left, bottom, right] = typeof padding === 'number' ? [padding, padding, padding, padding] : padding;
  const [batch, , height, width] = x.shape as Size4;
  const [outputs, , kernelHeight, kernelWidth] = weight.shape as Size4;
  const positions = (size: number, pads: number, kernel: number) =>
    size === DYNAMIC ? DYNAMIC : Math.floor((size + pads - kernel) / stride) + 1;
  return {
    shape: [batch, outputs, positions(height, top + bottom, kernelHeight), positions(width, left + right, kernelWidth)],
    attributes: {
      kernel_shape: [kernelHeight, kernelWidth],
      strides: [stride, stride],
      pads: [top, left, bottom, right],
    },
  };
}

type Size3 = [number, number, number];
type Size4 = [number, number, number, number];

/** ONNX writes an optional input that isn't given as an empty name. */
const OMITTED: OnnxValue = { name: '', shape: [] };

const channelAxis = ({ shape }: OnnxValue) => (shape.length === 4 ? 1 : shape.length - 1);

function broadcast(a: OnnxValue, b: OnnxValue): number[] {
  return a.shape.map((size, axis) => (size === 1 ? b.shape[axis]! : size));
}
