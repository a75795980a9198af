import { TorchGenerator } from '../random/torch-generator.ts';
import type { Tensor } from '../tensor.ts';

/** The random choices of one training step: they follow from seed and step alone, so that a resumed run makes the same ones. */
export class Dice {
  readonly #generator: TorchGenerator;

  constructor(seed: number, step: number) {
    this.#generator = new TorchGenerator(seed * 0x1000000 + step);
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return this.#generator.rand([1]).data[0]!;
  }

  /** Whole, from 0 to n − 1. */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  normal(shape: readonly number[]): Tensor {
    return this.#generator.randn(shape);
  }
}
