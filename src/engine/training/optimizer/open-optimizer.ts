import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import type { Parameters } from '../parameters.ts';
import { ArrayOptimizer } from './adamw.ts';
import { NativeOptimizer } from './native-adamw.ts';
import type { Optimizer, OptimizerOptions, TrainingState } from './optimizer.ts';

/** The optimiser that is fastest on the backend, from a state on. */
export const openOptimizer = (
  tf: TensorFlow,
  parameters: Parameters,
  state: TrainingState,
  options: OptimizerOptions,
): Optimizer =>
  tf.getBackend() === 'tensorflow'
    ? new NativeOptimizer(tf, parameters, state, options)
    : new ArrayOptimizer(tf, parameters, state, options);
