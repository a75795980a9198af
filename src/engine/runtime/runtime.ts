import type { Tensor } from '../tensor.ts';

export interface RuntimeOptions {
  /** CPU threads of one run; onnxruntime's own choice when absent. */
  readonly threads?: number;
  /** In order of preference, such as `['cuda', 'cpu']`; `['cpu']` when absent. */
  readonly executionProviders?: readonly string[];
}

/** Whole numbers: token ids (B, N), positions (B). */
export interface IntegerTensor {
  readonly data: Int32Array;
  readonly shape: readonly number[];
}
export type RuntimeInput = Tensor | IntegerTensor;
