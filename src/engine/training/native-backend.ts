import type { TensorFlow } from '../ops/tfjs-ops.ts';

/** Of an operation of TensorFlow's C library. */
export interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** Below the backend: the C library itself, on tensors by their numbers. */
export interface Binding
  extends Readonly<Record<'TF_ATTR_TYPE' | 'TF_ATTR_STRING' | 'TF_ATTR_SHAPE' | 'TF_ATTR_BOOL' | 'TF_FLOAT', number>> {
  executeOp(
    operation: string,
    attributes: readonly Attribute[],
    inputs: readonly number[],
    outputs: number,
  ): { readonly id: number }[];
  deleteTensor(id: number): void;
}

type T = ReturnType<TensorFlow['tensor']>;

/** What @tensorflow/tfjs-node's backend offers beyond TensorFlow.js: any operation of the C library, by its name. */
interface NativeBackend {
  binding: Binding;
  executeSingleOutput(operation: string, attributes: readonly Attribute[], inputs: readonly T[]): T;
  executeMultipleOutputs(
    operation: string,
    attributes: readonly Attribute[],
    inputs: readonly T[],
    outputs: number,
  ): T[];
}

/** @param tf on @tensorflow/tfjs-node */
export const nativeBackend = (tf: TensorFlow): NativeBackend => tf.backend() as unknown as NativeBackend;
