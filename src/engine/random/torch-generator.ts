import { InputError } from '../../errors.ts';
import { MAX_SEED } from '../../recipe.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { MersenneTwister } from './mersenne-twister.ts';

/** From this many values on torch draws in blocks; the blocks have the same size. */
const BLOCK = 16;
const { fround } = Math;
const TWO_PI = fround(2 * Math.PI);

/**
 * The numbers of `torch.Generator('cpu').manual_seed(seed)`, in the same order, so that a seed gives the same picture
 * here and in diffusers. Like torch's, it takes the low 32 bits of the seed only: 7 and 2^32 + 7 draw the same.
 */
export class TorchGenerator {
  readonly #twister: MersenneTwister;
  /** Second half of the last pair that `#normal` made. */
  #spare: number | undefined;

  /** @throws InputError unless seed is a whole number from 0 to 2^53 − 1 */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new InputError(`seed must be a whole number from 0 to ${MAX_SEED}, not ${seed}`);
    }
    this.#twister = new MersenneTwister(seed);
  }

  /** `torch.randn(shape)` in float32: standard normal numbers. */
  randn(shape: readonly number[]): Tensor {
    const data = new Float32Array(sizeOf(shape));
    if (data.length < BLOCK) {
      for (let i = 0; i < data.length; i++) data[i] = this.#normal();
      return tensor(data, shape);
    }
    this.#fillUniform(data);
    for (let i = 0; i + BLOCK <= data.length; i += BLOCK) boxMullerBlock(data.subarray(i, i + BLOCK));
    if (data.length % BLOCK !== 0) {
      // The last block doesn't fit: torch draws the last sixteen values again, over some that were ready.
      const tail = data.subarray(data.length - BLOCK);
      this.#fillUniform(tail);
      boxMullerBlock(tail);
    }
    return tensor(data, shape);
  }

  /** `torch.rand(shape)` in float32: uniform in [0, 1). */
  rand(shape: readonly number[]): Tensor {
    const data = new Float32Array(sizeOf(shape));
    this.#fillUniform(data);
    return tensor(data, shape);
  }

  #fillUniform(data: Float32Array) {
    for (let i = 0; i < data.length; i++) data[i] = (this.#twister.uint32() % 2 ** 24) / 2 ** 24;
  }

  /** Uniform in [0, 1) with 53 bits, of two draws: the first one's 21 low bits on top. */
  #uniformDouble(): number {
    const high = this.#twister.uint32() % 2 ** 21;
    return (high * 2 ** 32 + this.#twister.uint32()) / 2 ** 53;
  }

  /** Box & Muller 1958: r = √(−2 ln(1 − u₂)), θ = 2πu₁; r·cos θ now, r·sin θ at the next call. */
  #normal(): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare;
      this.#spare = undefined;
      return spare;
    }
    const theta = 2 * Math.PI * this.#uniformDouble();
    const radius = Math.sqrt(-2 * Math.log1p(-this.#uniformDouble()));
    this.#spare = radius * Math.sin(theta);
    return radius * Math.cos(theta);
  }
}

/**
 * Box–Muller over sixteen uniform numbers, in place: value j makes a pair with value j + 8.
 * Torch computes this in float32. An angle near 2π rounded so is off by 2.4e-7, which the radius (up to 5.8)
 * multiplies: hence the same roundings here.
 */
function boxMullerBlock(block: Float32Array) {
  const half = BLOCK / 2;
  for (let j = 0; j < half; j++) {
    const radius = fround(Math.sqrt(fround(-2 * fround(Math.log(fround(1 - block[j]!))))));
    const theta = fround(TWO_PI * block[j + half]!);
    block[j] = radius * fround(Math.cos(theta));
    block[j + half] = radius * fround(Math.sin(theta));
  }
}

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
