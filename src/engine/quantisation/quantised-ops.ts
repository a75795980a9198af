import { DataType } from '../ops/onnx-graph.ts';
import { convolution, OnnxOps, type OnnxValue } from '../ops/onnx-ops.ts';
import type { Conv2dOptions } from '../ops/ops.ts';
import type { TensorEntry } from '../weights/safetensors.ts';

const STORED = { F32: DataType.FLOAT, I8: DataType.INT8, U8: DataType.UINT8, I32: DataType.INT32 } as const;

/**
 * Records a network whose convolutions and matrix products are sums of 8-bit products, where its weights are integers:
 * activations 0 … 255, weights −127 … 127. What lies between them stays float32.
 */
export class QuantisedOps extends OnnxOps {
  readonly #tensors: ReadonlyMap<string, TensorEntry>;
  /** By the value that was quantised: q, k and v are projections of the same one. */
  readonly #quantised = new Map<string, OnnxValue>();

  /** @param tensors  what `quantiseComponent` wrote */
  constructor(tensors: ReadonlyMap<string, TensorEntry>) {
    super();
    this.#tensors = tensors;
  }

  override weight({ name, shape }: TensorEntry): OnnxValue {
    const entry = this.#tensors.get(name)!;
    // A layer of integers reads them by itself.
    return entry.dtype === 'F32' ? super.weight(entry) : { name, shape, parameter: name };
  }

  override conv2d(x: OnnxValue, weight: OnnxValue, bias: OnnxValue | undefined, options: Conv2dOptions): OnnxValue {
    const stored = this.#layer(weight);
    if (!stored) return super.conv2d(x, weight, bias, options);
    const { shape, attributes } = convolution(x, weight, options);
    const [inputScale, inputZero] = [stored('input_scale'), stored('input_zero_point')];
    const weights = [stored('weight'), stored('weight_scale'), this.#bytes('I8', shape[1]!)];
    const steps = [this.constant(Float32Array.of(1), []), this.#bytes('U8')];
    const inputs = [
      this.#quantise(x, inputScale, inputZero),
      inputScale,
      inputZero,
      ...weights,
      ...steps,
      stored('bias'),
    ];
    const sums = this.node('QLinearConv', inputs, shape, attributes);
    return this.node('DequantizeLinear', [sums, stored('output_scale'), stored('output_zero_point')], shape, {
      axis: 1,
    });
  }

  override linear(x: OnnxValue, weight: OnnxValue, bias?: OnnxValue): OnnxValue {
    const stored = this.#layer(weight);
    if (!stored) return super.linear(x, weight, bias);
    const outputs = weight.shape[0]!;
    const [inputScale, inputZero] = [stored('input_scale'), stored('input_zero_point')];
    const scales = [inputScale, stored('weight_scale'), inputZero, this.#bytes('I8', outputs)];
    const inputs = [this.#quantise(x, inputScale, inputZero), stored('weight'), ...scales];
    return this.node('MatMulIntegerToFloat', bias ? [...inputs, bias] : inputs, [...x.shape.slice(0, -1), outputs]);
  }

  /** Reads what is stored of the layer of a weight; undefined where that is float32. */
  #layer({ parameter }: OnnxValue): ((key: string) => OnnxValue) | undefined {
    if (parameter === undefined || this.#tensors.get(parameter)?.dtype !== 'I8') return undefined;
    const layer = parameter.replace(/weight$/, '');
    return (key) => {
      const entry = this.#tensors.get(layer + key)!;
      return { name: this.graph.external(entry, STORED[entry.dtype as keyof typeof STORED]), shape: entry.shape };
    };
  }

  #quantise(x: OnnxValue, scale: OnnxValue, zeroPoint: OnnxValue): OnnxValue {
    const value = this.#quantised.get(x.name) ?? this.node('QuantizeLinear', [x, scale, zeroPoint], x.shape);
    this.#quantised.set(x.name, value);
    return value;
  }

  /** Zeros: one, or `count`. */
  #bytes(type: 'I8' | 'U8', count?: number): OnnxValue {
    const zeros = type === 'I8' ? new Int8Array(count ?? 1) : new Uint8Array(count ?? 1);
    const shape = count === undefined ? [] : [count];
    return { name: this.graph.constant(zeros, shape), shape };
  }
}
