import type * as tfjs from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { ClipVisionConfig, clipVision } from '../../src/engine/networks/clip-vision.ts';
import { TfjsOps } from '../../src/engine/ops/tfjs-ops.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import { localAttention } from '../../src/engine/training/tasks/local-attention.ts';
import { tensorflow as tf } from './tensorflow-js.ts';

const SIDE = 5;
const config = ClipVisionConfig.parse({
  ...{ hidden_size: 80, intermediate_size: 160, projection_dim: 8, num_hidden_layers: 2, num_attention_heads: 5 },
  ...{ image_size: 4 * SIDE, patch_size: 4 },
});

/** What the attention of each layer is asked to look at: of each head, the place that each place looks at most. */
function mostSeen(): number[][][] {
  const layers: number[][][] = [];
  class Watching extends TfjsOps {
    override attention(q: tfjs.Tensor, k: tfjs.Tensor, v: tfjs.Tensor, options: { heads: number; causal: boolean }) {
      const split = (x: tfjs.Tensor) =>
        tf.transpose(tf.reshape(x, [x.shape[1]!, options.heads, -1]), [1, 0, 2]) as tfjs.Tensor3D;
      layers.push(tf.argMax(tf.matMul(split(q), split(k), false, true), -1).arraySync() as number[][]);
      return super.attention(q, k, v, options);
    }
  }
  const pixels = tf.tensor(new Dice(0, 0).normal([1, 4 * SIDE, 4 * SIDE, 3]).data, [1, 4 * SIDE, 4 * SIDE, 3]);
  const parameters = Parameters.of(new TfjsOps(tf), (weights) => clipVision(new TfjsOps(tf), weights, config)(pixels));
  const values = parameters.initialise(1, localAttention(config));
  clipVision(new Watching(tf), parameters.weights(parameters.tensors(tf, values)), config)(pixels);
  return layers;
}

test('at the start each head of each layer looks at the patch itself or one of its neighbours', () => {
  const offsets = new Set<string>();
  const layers = mostSeen();
  expect(layers.length).toBe(2);
  for (const heads of layers) {
    for (const seen of heads) {
      // where there is a neighbour in that direction
      const steps = [...Array(SIDE * SIDE).keys()].flatMap((place) => {
        const [x, y] = [place % SIDE, Math.floor(place / SIDE)];
        const isInside = x > 0 && y > 0 && x < SIDE - 1 && y < SIDE - 1;
        const at = seen[1 + place]! - 1;
        return isInside ? [`${(at % SIDE) - x},${Math.floor(at / SIDE) - y}`] : [];
      });
      expect(new Set(steps).size).toBe(1);
      offsets.add(steps[0]!);
    }
  }
  expect([...offsets].sort()).toEqual(['-1,0', '0,-1', '0,0', '0,1', '1,0']);
});

test('the class token has no place, and looks at all patches alike', () => {
  const pixels = tf.zeros([1, 4 * SIDE, 4 * SIDE, 3]) as tfjs.Tensor;
  const parameters = Parameters.of(new TfjsOps(tf), (weights) => clipVision(new TfjsOps(tf), weights, config)(pixels));
  const start = parameters.export(parameters.initialise(1, localAttention(config)));
  const token = start.get('vision_model.embeddings.class_embedding')!.data;
  // 4 waves, a sine and a cosine of each along either axis
  expect([...token.subarray(0, 16)]).toEqual(Array(16).fill(0));
  expect([...token.subarray(16)].every((value) => value !== 0)).toBe(true);
});

test('heads that are too narrow for the code of all waves have the longest ones', () => {
  const narrow = { ...config, num_attention_heads: 20 };
  const pixels = tf.zeros([1, 4 * SIDE, 4 * SIDE, 3]) as tfjs.Tensor;
  const parameters = Parameters.of(new TfjsOps(tf), (weights) => clipVision(new TfjsOps(tf), weights, narrow)(pixels));
  const table = parameters.export(parameters.initialise(1, localAttention(narrow)));
  const places = table.get('vision_model.embeddings.position_embedding.weight')!;
  const second = [...places.data.subarray(2 * 80, 2 * 80 + 6)];
  const wave = Math.PI / SIDE;
  expect(second).toBeAllClose([Math.cos(wave), Math.sin(wave), 1, 0, 0, 0], { atol: 1e-6 });
});
