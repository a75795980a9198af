import type * as tfjs from '@tensorflow/tfjs-core';
import type { Weights } from '../ops/ops.ts';
import type { OptimizerOptions } from './optimizer/optimizer.ts';
import type { Initialiser } from './parameters.ts';
import type { Part } from './part-names.ts';

/** What one network learns, and from what: everything about a run that is not the same for all of them. */
export interface Task<Batch = unknown> {
  /** Also the name of the run's folder. */
  readonly name: string;
  readonly batchSize: number;
  readonly optimizer: OptimizerOptions & {
    /** At its peak. */
    readonly learningRate: number;
    readonly warmup: number;
    /** Steps over which the learning rate falls to a twentieth. */
    readonly horizon: number;
  };
  readonly initialise?: Initialiser;
  /** The part whose trained weights `initialise` gives, where there is one. */
  readonly startsFrom?: Part | undefined;
  /** Parameters that are no part of the model: where a checkpoint lacks them they start afresh. */
  readonly onlyInTraining?: readonly string[];
  /** The batch of a step: the same at every call, so that a resumed run sees what it would have seen. */
  batch(step: number): Batch | Promise<Batch>;
  /** The loss of a batch, and what it is made of, for the log. */
  loss(
    weights: Weights<tfjs.Tensor>,
    batch: Batch,
  ): { readonly total: tfjs.Scalar; readonly parts: Readonly<Record<string, tfjs.Scalar>> };
  /**
   * Judges the averaged weights on pictures that were held out.
   * @returns figures for the log, and a picture to look at, PNG.
   */
  evaluate(
    weights: Weights<tfjs.Tensor>,
  ): Promise<{ readonly figures: Readonly<Record<string, number>>; readonly sheet?: Buffer | undefined }>;
}

export interface TaskOptions {
  /** Steps over which the learning rate falls to a twentieth. */
  readonly horizon: number;
  /** Of all random choices. */
  readonly seed: number;
}
