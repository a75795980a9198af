import type * as tfjs from '@tensorflow/tfjs-core';

// WebGPU promises its own sine to 2⁻¹¹ between −π and π, and beyond that nothing; timesteps need more.

type TensorFlow = typeof tfjs;
type T = tfjs.Tensor;

/** sin(x) to about 1e-6, for |x| up to 10,000. */
export const preciseSin = (tf: TensorFlow, x: T): T => withGradient(tf, x, SINE, (x) => sineFrom(tf, x, COSINE));

/** cos(x) likewise. */
export const preciseCos = (tf: TensorFlow, x: T): T =>
  withGradient(tf, x, COSINE, (x) => tf.neg(sineFrom(tf, x, SINE)));

/** From where on: cos(x) = sin(x + π/2). In units of π. */
const [SINE, COSINE] = [0, 0.5];

function withGradient(tf: TensorFlow, input: T, from: number, derivative: (x: T) => T): T {
  return tf.customGrad((x, save) => {
    (save as tfjs.GradSaveFunc)([x as T]);
    return {
      value: sineFrom(tf, x as T, from),
      gradFunc: (dy: T, saved: T[]) => tf.mul(dy, derivative(saved[0]!)),
    };
  })(input);
}

/** π in two parts: the first has so few bits that whole multiples of it are exact. */
const [PI_HIGH, PI_LOW] = [3.140625, Math.PI - 3.140625];
/** Of r, r³, r⁵ …: 1, −1/3!, 1/5! …; the last one decides about 5e-8 at π/2. */
const TAYLOR = [1, -1 / 6, 1 / 120, -1 / 5_040, 1 / 362_880, -1 / 39_916_800];

/** sin(x + aπ) = (−1)ᵏ·sin(r), where r is what x lies beyond the nearest zero, (k − a)π: π/2 at most. */
function sineFrom(tf: TensorFlow, x: T, a: number): T {
  const k = tf.round(tf.add(tf.mul(x, 1 / Math.PI), a));
  const zero = tf.sub(k, a);
  const r = tf.sub(tf.sub(x, tf.mul(zero, PI_HIGH)), tf.mul(zero, PI_LOW));
  const square = tf.square(r);
  const series = TAYLOR.reduceRight<T>((sum, c) => tf.add(tf.mul(sum, square), c), tf.zerosLike(r));
  return tf.mul(tf.mul(r, series), tf.sub(1, tf.mul(2, tf.mod(k, 2))));
}
