import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  ModelProtoSchema,
  type NodeProtoSchema,
  TensorProto_DataLocation,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from 'onnx-buf';
import type { TensorEntry } from '../weights/safetensors.ts';

/** Attention became an operator in 23. */
const OPSET = 23n;
/** The file format's version that opset 23 came with. */
const IR_VERSION = 11n;

/** onnxruntime's own operators, of its domain com.microsoft. */
const CONTRIBUTED = new Set(['MatMulIntegerToFloat']);
const domainOf = (opType: string) => (CONTRIBUTED.has(opType) ? 'com.microsoft' : '');

const OPSETS = [
  { domain: '', version: OPSET },
  { domain: 'com.microsoft', version: 1n },
];

export { DataType };

/** A size that is known only when the graph runs. */
export const DYNAMIC = -1;

const CONSTANT_TYPES = {
  Float32Array: DataType.FLOAT,
  BigInt64Array: DataType.INT64,
  Int8Array: DataType.INT8,
  Uint8Array: DataType.UINT8,
};

/** An ONNX graph being written down, node by node in the order of execution. */
export class OnnxGraph {
  readonly #nodes: MessageInitShape<typeof NodeProtoSchema>[] = [];
  readonly #initializers = new Map<string, MessageInitShape<typeof TensorProtoSchema>>();
  readonly #inputs: MessageInitShape<typeof ValueInfoProtoSchema>[] = [];
  readonly #outputs: MessageInitShape<typeof ValueInfoProtoSchema>[] = [];
  readonly #external = new Map<string, { entry: TensorEntry; dataType: DataType }>();

  /** @returns the names of the node's outputs */
  node(opType: string, input: string[], attributes: Record<string, AttributeValue> = {}, outputs = 1): string[] {
    const name = `${opType}_${this.#nodes.length}`;
    const output = outputs === 1 ? [name] : Array.from({ length: outputs }, (_, i) => `${name}_${i}`);
    const attribute = Object.entries(attributes).map(attributeProto);
    this.#nodes.push({ opType, name, input, output, attribute, domain: domainOf(opType) });
    return output;
  }

  /** A tensor written into the graph itself; small ones that are equal are written once. */
  constant(data: Float32Array | BigInt64Array | Int8Array | Uint8Array, shape: readonly number[]): string {
    const dataType = CONSTANT_TYPES[data.constructor.name as keyof typeof CONSTANT_TYPES];
    const rawData = new Uint8Array(data.slice().buffer);
    const name =
      rawData.length <= 64
        ? `const_${dataType}_${shape}_${Buffer.from(rawData).toString('hex')}`
        : `const_${this.#initializers.size}`;
    this.#initializers.set(name, { name, dataType, dims: shape.map(BigInt), rawData });
    return name;
  }

  /** A tensor that stays in its safetensors file. */
  external(entry: TensorEntry, dataType: DataType): string {
    this.#external.set(entry.name, { entry, dataType });
    return entry.name;
  }

  /** The external tensors. */
  get weights(): TensorEntry[] {
    return [...this.#external.values()].map(({ entry }) => entry);
  }

  input(name: string, dataType: DataType, shape: readonly number[]): void {
    this.#inputs.push(valueInfo(name, dataType, shape));
  }

  output(name: string, value: string, shape: readonly number[]): void {
    this.#nodes.push({ opType: 'Identity', name, input: [value], output: [name] });
    this.#outputs.push(valueInfo(name, DataType.FLOAT, shape));
  }

  /** @param location  name of a weight file in the folder that onnxruntime is told */
  toBinary(location: (path: string) => string): Uint8Array {
    const external = [...this.#external.values()].map(({ entry, dataType }) =>
      externalTensor(entry, dataType, location(entry.path)),
    );
    const graph = {
      name: 'network',
      node: this.#nodes,
      initializer: [...this.#initializers.values(), ...external],
      input: this.#inputs,
      output: this.#outputs,
    };
    const model = { irVersion: IR_VERSION, opsetImport: OPSETS, graph };
    return toBinary(ModelProtoSchema, create(ModelProtoSchema, model));
  }
}

function externalTensor({ name, shape, offset, length }: TensorEntry, dataType: DataType, location: string) {
  const externalData = Object.entries({ location, offset, length }).map(([key, value]) => ({
    key,
    value: String(value),
  }));
  const dataLocation = TensorProto_DataLocation.EXTERNAL;
  return { name, dataType, dims: shape.map(BigInt), dataLocation, externalData };
}

/** Whole numbers are written as INT: give a float attribute as `{ float }`. */
export type AttributeValue = number | { readonly float: number } | readonly number[] | string;

function attributeProto([name, value]: [string, AttributeValue]): MessageInitShape<typeof AttributeProtoSchema> {
  if (typeof value === 'number') return { name, type: AttributeType.INT, i: BigInt(value) };
  if (typeof value === 'string') return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
  if ('float' in value) return { name, type: AttributeType.FLOAT, f: value.float };
  return { name, type: AttributeType.INTS, ints: value.map(BigInt) };
}

function valueInfo(name: string, elemType: DataType, shape: readonly number[]) {
  const dim = shape.map((size) => (size === DYNAMIC ? {} : dimValue(size)));
  return { name, type: { value: { case: 'tensorType' as const, value: { elemType, shape: { dim } } } } };
}

const dimValue = (size: number) => ({ value: { case: 'dimValue' as const, value: BigInt(size) } });
