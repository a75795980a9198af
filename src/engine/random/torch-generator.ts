import type { Tensor } from '../tensor.ts';

/** The numbers of `torch.Generator('cpu').manual_seed(seed)`, in the same order. */
export declare class TorchGenerator {
  /** @throws InputError unless seed is a whole number from 0 to 2^53 − 1 */
  constructor(seed: number);
  /** `torch.randn(shape)`: standard normal. */
  randn(shape: readonly number[]): Tensor;
  /** `torch.rand(shape)`: uniform in [0, 1). */
  rand(shape: readonly number[]): Tensor;
}
