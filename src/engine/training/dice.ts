import { TorchGenerator } from '../random/torch-generator.ts';
import type { Tensor } from '../tensor.ts';

/** The random choices of one training step: they follow from seed and step alone, so that a resumed run makes the same ones. */
export class Dice {
  readonly #generator: TorchGenerator;

  constructor(seed: number, step: number) {
    // seeds lie far apart, by the golden ratio of 2^32, of which the generator takes no more
    this.#generator = new TorchGenerator((Math.imul(seed, 0x9e3779b1) + step) >>> 0);
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

  /** The number of one of some weights, which sum to 1, as often as it weighs. */
  weighted(weights: ArrayLike<number>): number {
    let left = this.uniform();
    let chosen = 0;
    while (chosen < weights.length - 1 && left >= weights[chosen]!) left -= weights[chosen++]!;
    return chosen;
  }

  /** Different ones, in random order. */
  some<T>(list: readonly T[], count: number): T[] {
    const left = [...list];
    return Array.from({ length: Math.min(count, list.length) }, () => left.splice(this.below(left.length), 1)[0]!);
  }

  normal(shape: readonly number[]): Tensor {
    return this.#generator.randn(shape);
  }
}

/** The random choices of an evaluation: the same whatever a run's seed, so that its figures compare with those of others. */
export const evaluationDice = () => new Dice(0, 0);
