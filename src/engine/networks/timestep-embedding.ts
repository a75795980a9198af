import type { Activation, Ops, Weights } from '../ops/ops.ts';
import { linear } from './layers.ts';

/**
 * [cos(t·ω), sin(t·ω)] with ω_i = 10000^(−i / (D/2 − shift)): Vaswani et al. 2017 as in DDPM.
 * In float32 as torch does it: for t near 1000 the sines feel the last bit of ω.
 * @param cosineFirst  diffusers' flip_sin_to_cos
 */
export function sinusoidal<T>(ops: Ops<T>, width: number, { cosineFirst = true, shift = 0 } = {}) {
  const half = width / 2;
  const exponent = (i: number) => Math.fround(Math.fround(Math.fround(-Math.log(10_000)) * i) / (half - shift));
  const frequencies = Float32Array.from({ length: half }, (_, i) => Math.exp(exponent(i)));
  return (timestep: T): T => {
    const angles = ops.mul(timestep, ops.constant(frequencies, [1, half])); // (B, 1) → (B, D/2)
    const waves = [ops.cos(angles), ops.sin(angles)];
    return ops.concatChannels(cosineFirst ? waves : waves.reverse());
  };
}

/** Two linear layers that turn the sinusoidal code of t into the embedding that conditions every block. */
export function timestepEmbedding<T>(
  ops: Ops<T>,
  w: Weights<T>,
  c: { inputs: number; width: number; outputs: number; activation: Activation },
) {
  return (waves: T): T => {
    const h = ops.activation(linear(ops, w.at('linear_1'), c.inputs, c.width)(waves), c.activation);
    return w.tap(linear(ops, w.at('linear_2'), c.width, c.outputs)(h));
  };
}
