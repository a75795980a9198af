import type * as tfjs from '@tensorflow/tfjs-core';
import type { Weights } from '../ops/ops.ts';
import type { TfjsOps } from '../ops/tfjs-ops.ts';
import { WeightMismatchError } from '../ops/weights.ts';
import { TorchGenerator } from '../random/torch-generator.ts';
import type { Tensor } from '../tensor.ts';

type T = tfjs.Tensor;

/** One parameter of a network, by its name and shape in the checkpoint. */
export interface Parameter {
  readonly name: string;
  /** As torch has it: (O, I, kH, kW) for a convolution. */
  readonly shape: readonly number[];
  /** Where its values begin in an array of all values. */
  readonly offset: number;
  readonly size: number;
}

/** How a parameter starts, where it is not as torch does it by default. */
export type Initialiser = (name: string, shape: readonly number[]) => Start | undefined;

/** The same value everywhere, normally distributed around 0, uniform between −bound and bound, or given. */
type Start =
  | { readonly constant: number }
  | ({ readonly normal: number } & Changed)
  | ({ readonly uniform: number } & Changed)
  | { readonly values: Float32Array };

interface Changed {
  /** Changes some of them, in place; a convolution's lie as TensorFlow wants them. */
  readonly adjust?: (values: Float32Array) => void;
}

/**
 * The parameters of a network in training. Their values lie in one array, so that optimiser, average and checkpoint are
 * one pass over it; convolution weights lie in it as TensorFlow wants them, (kH, kW, I, O).
 */
export class Parameters {
  readonly list: readonly Parameter[];
  readonly size: number;

  constructor(list: readonly Parameter[]) {
    this.list = list;
    this.size = list.reduce((n, { size }) => n + size, 0);
  }

  /** The parameters of a checkpoint. */
  static ofTensors(tensors: ReadonlyMap<string, Tensor>): Parameters {
    let offset = 0;
    const list = [...tensors].map(([name, { shape, data }]) => {
      const parameter = { name, shape, offset, size: data.length };
      offset += data.length;
      return parameter;
    });
    return new Parameters(list);
  }

  /** Asks a network, by running it once, which parameters it has. */
  static of(ops: TfjsOps, run: (weights: Weights<T>) => void): Parameters {
    const found = new Map<string, Parameter>();
    let offset = 0;
    ops.tf.tidy(() => {
      run(
        weightsFrom((name, shape) => {
          const size = shape.reduce((a, b) => a * b, 1);
          if (!found.has(name)) {
            found.set(name, { name, shape: [...shape], offset, size });
            offset += size;
          }
          return ops.tf.zeros(layoutOf(shape));
        }),
      );
    });
    return new Parameters([...found.values()]);
  }

  /** Values to start from: uniform in ±1/√(fan in), as torch's, but zero biases; unit norms; or what `rule` says. */
  initialise(seed: number, rule: Initialiser = () => undefined): Float32Array {
    const generator = new TorchGenerator(seed);
    const values = new Float32Array(this.size);
    for (const { name, shape, offset, size } of this.list) {
      const start = rule(name, shape) ?? defaultStart(name, shape);
      const target = values.subarray(offset, offset + size);
      if ('values' in start) target.set(start.values);
      else if ('constant' in start) target.fill(start.constant);
      else if ('normal' in start) target.set(generator.randn([size]).data.map((x) => x * start.normal));
      else target.set(generator.rand([size]).data.map((x) => (2 * x - 1) * start.uniform));
      if ('adjust' in start) start.adjust?.(target);
    }
    return values;
  }

  /** A start from values of these parameters, for a network that has some of them or all. */
  startingFrom(values: Float32Array): Initialiser {
    const byName = new Map(this.list.map((parameter) => [parameter.name, parameter]));
    return (name) => {
      const { offset, size } = byName.get(name)!;
      return { values: values.subarray(offset, offset + size) };
    };
  }

  /** Tensors of all parameters, in their order. */
  tensors(tf: TfjsOps['tf'], values: Float32Array): T[] {
    return this.list.map(({ shape, offset, size }) =>
      tf.tensor(values.subarray(offset, offset + size), layoutOf(shape)),
    );
  }

  /** The other way round: the values of tensors in that order. @param values are overwritten */
  flatten(tensors: readonly T[], values: Float32Array = new Float32Array(this.size)): Float32Array {
    for (const [p, tensor] of tensors.entries()) values.set(tensor.dataSync() as Float32Array, this.list[p]!.offset);
    return values;
  }

  /** Weights for the network functions, over tensors in the order of the list. */
  weights(tensors: readonly T[]): Weights<T> {
    const index = new Map(this.list.map(({ name }, i) => [name, i]));
    return weightsFrom((name, shape) => {
      const i = index.get(name);
      const found = i === undefined ? 'no such parameter' : `(${this.list[i]!.shape.join(', ')})`;
      if (i === undefined || this.list[i]!.shape.join() !== shape.join()) {
        throw new WeightMismatchError(`${name}: expected (${shape.join(', ')}), found ${found}`);
      }
      return tensors[i]!;
    });
  }

  /** Values as a checkpoint has them: by name, in torch's layout. */
  export(values: Float32Array): Map<string, Tensor> {
    return new Map(
      this.list.map(({ name, shape, offset, size }) => [
        name,
        { data: toTorch(values.subarray(offset, offset + size), shape), shape },
      ]),
    );
  }

  /**
   * The other way round.
   * @throws WeightMismatchError when a parameter is missing or has another shape
   */
  import(tensors: ReadonlyMap<string, Tensor>, where: string): Float32Array {
    const values = new Float32Array(this.size);
    for (const { name, shape, offset } of this.list) {
      const found = tensors.get(name);
      if (found?.shape.join() !== shape.join()) {
        const what = found ? `(${found.shape.join(', ')})` : 'nothing of that name';
        throw new WeightMismatchError(`${name}: expected (${shape.join(', ')}), found ${what} in ${where}`);
      }
      values.set(fromTorch(found.data, shape), offset);
    }
    return values;
  }
}

function weightsFrom(get: (name: string, shape: readonly number[]) => T, prefix = ''): Weights<T> {
  return {
    at: (name) => weightsFrom(get, `${prefix}${name}.`),
    has: () => true,
    get: (name, shape) => get(prefix + name, shape),
    tap: (output) => output,
  };
}

function defaultStart(name: string, shape: readonly number[]): Start {
  if (shape.length === 1) return { constant: name.endsWith('weight') ? 1 : 0 };
  return { uniform: 1 / Math.sqrt(shape.slice(1).reduce((a, b) => a * b, 1)) };
}

const isKernel = (shape: readonly number[]) => shape.length === 4;

/** (O, I, kH, kW) → (kH, kW, I, O); other shapes as they are. */
const layoutOf = (shape: readonly number[]) =>
  isKernel(shape) ? [shape[2]!, shape[3]!, shape[1]!, shape[0]!] : [...shape];

function toTorch(values: Float32Array, shape: readonly number[]): Float32Array {
  if (!isKernel(shape)) return values.slice();
  const torch = new Float32Array(values.length);
  eachElement(shape, (inTorch, inTensorFlow) => {
    torch[inTorch] = values[inTensorFlow]!;
  });
  return torch;
}

function fromTorch(values: Float32Array, shape: readonly number[]): Float32Array {
  if (!isKernel(shape)) return values;
  const kernel = new Float32Array(values.length);
  eachElement(shape, (inTorch, inTensorFlow) => {
    kernel[inTensorFlow] = values[inTorch]!;
  });
  return kernel;
}

/** Where each element of a kernel lies in both layouts. */
function eachElement(shape: readonly number[], visit: (inTorch: number, inTensorFlow: number) => void): void {
  const [outputs, inputs, height, width] = shape as [number, number, number, number];
  const positions = height * width;
  let inTorch = 0;
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) {
      for (let p = 0; p < positions; p++) visit(inTorch++, (p * inputs + i) * outputs + o);
    }
  }
}
