import type * as tfjs from '@tensorflow/tfjs-core';

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
}

/** Moments of the gradients, one for each value. */
export interface Moments {
  readonly first: Float32Array;
  readonly second: Float32Array;
}

export interface OptimizerOptions extends AdamWOptions {
  /** Gradients are scaled down to this norm, all together, when theirs is larger. */
  readonly maxNorm: number;
  /** Decay of the moving average of the weights. */
  readonly average: number;
}

/** All that a run needs to go on; random numbers follow from the step. */
export interface TrainingState {
  step: number;
  readonly values: Float32Array;
  /** Moving average of the values: what samples are drawn with and what is exported. */
  readonly average: Float32Array;
  readonly moments: Moments;
}

export function initialState(values: Float32Array): TrainingState {
  const moments = { first: new Float32Array(values.length), second: new Float32Array(values.length) };
  return { step: 0, values, average: values.slice(), moments };
}

/** A network's values in training, their moments and moving average, and how a gradient changes them: AdamW. */
export interface Optimizer {
  /** Steps made. */
  readonly step: number;
  /** Tensors of the values, in the order of the parameters; the caller's to dispose, before the next update. */
  values(): tfjs.Tensor[];
  /** Of the moving average, likewise. */
  average(): tfjs.Tensor[];
  /**
   * One step, unless a gradient is no number.
   * @returns √Σg² before it was limited to `maxNorm`
   */
  update(gradients: readonly tfjs.Tensor[], learningRate: number): Promise<number>;
  /** For a checkpoint. */
  state(): TrainingState;
  dispose(): void;
}
