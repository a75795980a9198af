import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import type { Parameter, Parameters } from '../parameters.ts';
import type { AdamWOptions, Moments, Optimizer, OptimizerOptions, TrainingState } from './optimizer.ts';

/** Keeps all in arrays of JavaScript: for any backend. */
export class ArrayOptimizer implements Optimizer {
  readonly #tf: TensorFlow;
  readonly #parameters: Parameters;
  readonly #state: TrainingState;
  readonly #options: OptimizerOptions;

  constructor(tf: TensorFlow, parameters: Parameters, state: TrainingState, options: OptimizerOptions) {
    this.#tf = tf;
    this.#parameters = parameters;
    this.#state = state;
    this.#options = options;
  }

  get step(): number {
    return this.#state.step;
  }

  values(): tfjs.Tensor[] {
    return this.#parameters.tensors(this.#tf, this.#state.values);
  }

  average(): tfjs.Tensor[] {
    return this.#parameters.tensors(this.#tf, this.#state.average);
  }

  async update(gradients: readonly tfjs.Tensor[], learningRate: number): Promise<number> {
    const arrays = await Promise.all(gradients.map((gradient) => gradient.data<'float32'>()));
    const norm = gradientNorm(arrays);
    if (!Number.isFinite(norm)) return norm;
    const { values, average, moments } = this.#state;
    const scale = Math.min(1, this.#options.maxNorm / norm);
    const step = this.#state.step + 1;
    adamW(values, arrays, scale, moments, this.#parameters.list, step, learningRate, this.#options);
    updateAverage(average, values, averageDecay(step, this.#options.average));
    this.#state.step = step;
    return norm;
  }

  state(): TrainingState {
    return this.#state;
  }

  dispose(): void {}
}

/** √Σg²; NaN or ∞ when any gradient is. */
export function gradientNorm(gradients: readonly Float32Array[]): number {
  let sum = 0;
  for (const gradient of gradients) for (let i = 0; i < gradient.length; i++) sum += gradient[i]! * gradient[i]!;
  return Math.sqrt(sum);
}

/**
 * Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2), in place, one pass over all values:
 * θ ← θ − η·(m̂/(√v̂ + ε) + λθ). Vectors (biases, norms) don't decay.
 * @param gradients in the order of the parameters
 * @param scale     by which they are multiplied first: smaller than 1 to clip them
 * @param step      counted from 1
 */
export function adamW(
  values: Float32Array,
  gradients: readonly Float32Array[],
  scale: number,
  { first, second }: Moments,
  parameters: readonly Parameter[],
  step: number,
  learningRate: number,
  { beta1, beta2, eps, weightDecay }: AdamWOptions,
): void {
  const rate = learningRate / (1 - beta1 ** step);
  const correction = 1 / Math.sqrt(1 - beta2 ** step);
  for (const [p, { offset, size, shape }] of parameters.entries()) {
    const gradient = gradients[p]!;
    const keep = shape.length > 1 ? 1 - learningRate * weightDecay : 1;
    for (let i = 0, j = offset; i < size; i++, j++) {
      const g = gradient[i]! * scale;
      const m = beta1 * first[j]! + (1 - beta1) * g;
      const v = beta2 * second[j]! + (1 - beta2) * g * g;
      first[j] = m;
      second[j] = v;
      values[j] = values[j]! * keep - (rate * m) / (Math.sqrt(v) * correction + eps);
    }
  }
}

/** Exponential moving average, in place: a ← d·a + (1 − d)·θ. */
export function updateAverage(average: Float32Array, values: Float32Array, decay: number): void {
  for (let i = 0; i < average.length; i++) average[i] = decay * average[i]! + (1 - decay) * values[i]!;
}

/** d grows from 2/11, so that the first steps don't linger. */
export const averageDecay = (step: number, decay: number): number => Math.min(decay, (1 + step) / (10 + step));
