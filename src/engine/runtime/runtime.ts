import type { Calibration } from '../quantisation/calibration.ts';

/** How networks run. */
export interface RuntimeOptions {
  /** CPU threads of one run; onnxruntime's own choice (one a core) when absent. */
  readonly threads?: number;
  /** Threads of ours that share the rows of a run, each with `threads`/`lanes` CPU threads; 1 when absent. */
  readonly lanes?: number;
  /** In order of preference, such as `['cuda', 'cpu']`; `['cpu']` when absent. */
  readonly executionProviders?: readonly string[];
  /** int8: layers that were calibrated compute with 8-bit integers, on the CPU. float32 when absent. */
  readonly precision?: 'float32' | 'int8';
  /** Measures the ranges of all layers meanwhile, in float32. */
  readonly calibration?: Calibration;
  /** Told after each run of a network, named as its folder, and the part of it. */
  readonly onRun?: (network: string, milliseconds: number) => void;
}

/** Two lanes where there are threads for them: under guidance there are always two rows. */
export const lanesFor = (threads: number) => (threads >= 2 ? 2 : 1);
