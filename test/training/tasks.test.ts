import { describe, expect, test } from 'vitest';
import { ClipTextConfig } from '../../src/engine/networks/clip-text.ts';
import { TfjsOps } from '../../src/engine/ops/tfjs-ops.ts';
import type { PictureSet } from '../../src/engine/training/data/picture-set.ts';
import { PICTURE_BYTES, PICTURE_SIZE } from '../../src/engine/training/data/rasterise.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import { type ClipConfig, embedTokens } from '../../src/engine/training/tasks/clip-encoders.ts';
import { clipPixels, WHOLE } from '../../src/engine/training/tasks/clip-preprocess.ts';
import { gatherRows, moments } from '../../src/engine/training/tasks/features.ts';
import { latentPenalty, pictureLoss } from '../../src/engine/training/tasks/movq-loss.ts';
import { createNoising, DECODER_SCHEDULER, PRIOR_SCHEDULER } from '../../src/engine/training/tasks/noising.ts';
import {
  judgedPictures,
  paintBackground,
  randomCrop,
  toBytes,
  toUnit,
} from '../../src/engine/training/tasks/pictures.ts';
import { tensorflow as tf } from './tensorflow-js.ts';

/** Every pixel says where it is. */
const chart = Uint8Array.from({ length: PICTURE_BYTES }, (_, i) => {
  const pixel = i >> 2;
  return [pixel % PICTURE_SIZE, Math.floor(pixel / PICTURE_SIZE), 0, 255][i & 3]!;
});

describe('dice', () => {
  test('follow from seed and step', () => {
    const draw = (seed: number, step: number) => {
      const dice = new Dice(seed, step);
      return [dice.below(1000), dice.uniform(), ...dice.normal([2]).data];
    };
    expect(draw(1, 2)).toEqual(draw(1, 2));
    expect(draw(1, 2)).not.toEqual(draw(1, 3));
    expect(draw(1, 2)).not.toEqual(draw(2, 2));
  });
});

describe('pictures that a network is judged by', () => {
  const setOf = (...splits: string[]) => ({ records: splits.map((split) => ({ split })) }) as unknown as PictureSet;
  const judged = (set: PictureSet, isUsable?: (index: number) => boolean) => {
    const { indices, name } = judgedPictures(set, 'held-out-pair', 2, isUsable);
    return [indices, Object.keys(name({ loss: 1 }))];
  };

  test('are held out wherever some are, and the names of their figures say so', () => {
    const pair = setOf('train', 'held-out-concept', 'held-out-pair');
    expect(judged(pair)).toEqual([[2], ['heldOutLoss']]);
    expect(judged(pair, (index) => index < 2)).toEqual([[1], ['heldOutLoss']]);
    expect(judged(setOf('train', 'held-out-concept'))).toEqual([[1], ['heldOutLoss']]);
    expect(judged(setOf('train', 'train', 'train'))).toEqual([[0, 1], ['trainLoss']]);
  });
});

describe('pictures', () => {
  test('a crop is a square of the picture, mirrored or not', () => {
    const kinds = new Set<boolean>();
    for (let step = 0; step < 20; step++) {
      const crop = randomCrop(chart, 64, new Dice(0, step));
      const [x0, y0, x1, y1] = [crop[0]!, crop[1]!, crop[63 * 4]!, crop[(64 * 64 - 1) * 4 + 1]!];
      expect([Math.abs(x1 - x0), y1 - y0]).toEqual([63, 63]);
      kinds.add(x1 < x0);
    }
    expect(kinds.size).toBe(2);
  });

  test('another background shines through what was transparent, and through nothing else', () => {
    const picture = Uint8Array.of(255, 255, 255, 0, 9, 8, 7, 255, 128, 128, 128, 128);
    paintBackground(picture, [10, 20, 30]);
    expect([...picture]).toEqual([10, 20, 30, 255, 9, 8, 7, 255, 6, 11, 16, 255]);
  });

  test('bytes go to [−1, 1] and back', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const values = new Float32Array(256);
    toUnit(bytes, values);
    expect([values[0], values[255]]).toEqual([-1, 1]);
    expect(toBytes(values)).toEqual(bytes);
    expect([...toBytes(Float32Array.of(-3, 3))]).toEqual([0, 255]);
  });
});

describe('texts of many lengths', () => {
  test('are embedded in groups as each is alone, in their order', () => {
    const [start, end] = [8, 9];
    const text = ClipTextConfig.parse({
      vocab_size: 10,
      hidden_size: 8,
      intermediate_size: 8,
      projection_dim: 4,
      num_hidden_layers: 1,
      num_attention_heads: 1,
      max_position_embeddings: 8,
      bos_token_id: start,
      eos_token_id: end,
      pad_token_id: end,
    });
    const texts = [6, 1, 3, 0, 5, 2, 4].map((length) => {
      const words = Array.from({ length }, (_, i) => (length + i) % 8);
      return [start, ...words, end, ...Array.from({ length: 6 - length }, () => end)];
    });
    const config = { text } as ClipConfig;
    const parameters = Parameters.of(new TfjsOps(tf), (weights) => embedTokens(tf, weights, config, texts));
    const weights = parameters.weights(parameters.tensors(tf, parameters.initialise(5)));
    const together = embedTokens(tf, weights, config, texts).arraySync() as number[][];
    for (const [row, words] of texts.entries()) {
      const [alone] = embedTokens(tf, weights, config, [words]).arraySync() as number[][];
      expect(together[row]!).toBeAllClose(alone!, { atol: 1e-5 });
    }
  });
});

describe('what CLIP sees', () => {
  const at = (pixels: Float32Array, size: number, x: number, y: number) =>
    [...pixels.subarray((y * size + x) * 3, (y * size + x) * 3 + 2)].map((value) => (value + 1) * 127.5);

  test('the whole picture at half its size: the mean of four pixels each', () => {
    const pixels = new Float32Array(64 * 64 * 3);
    clipPixels(chart, WHOLE, 64, pixels);
    expect(at(pixels, 64, 0, 0)).toBeAllClose([0.5, 0.5], { atol: 1e-4 });
    expect(at(pixels, 64, 63, 10)).toBeAllClose([126.5, 20.5], { atol: 1e-4 });
  });

  test('moved to the right and enlarged, white beyond the edge', () => {
    const pixels = new Float32Array(64 * 64 * 3);
    clipPixels(chart, { ...WHOLE, right: 8 }, 64, pixels);
    expect(at(pixels, 64, 0, 0)).toBeAllClose([255, 255], { atol: 1e-4 });
    expect(at(pixels, 64, 4, 0)).toBeAllClose([0.5, 0.5], { atol: 1e-4 });
    clipPixels(chart, { ...WHOLE, scale: 2 }, 64, pixels);
    expect(at(pixels, 64, 0, 0)).toBeAllClose([32, 32], { atol: 1e-4 });
  });

  test('turned clockwise about its middle, and stretched', () => {
    const pixels = new Float32Array(64 * 64 * 3);
    clipPixels(chart, { ...WHOLE, turn: Math.PI / 2 }, 64, pixels);
    // what was below on the left is above on the left
    expect(at(pixels, 64, 0, 0)).toBeAllClose([0.5, 126.5], { atol: 1e-4 });
    expect(at(pixels, 64, 63, 0)).toBeAllClose([0.5, 0.5], { atol: 1e-4 });
    clipPixels(chart, { ...WHOLE, stretch: 4 }, 64, pixels);
    expect(at(pixels, 64, 0, 16)).toBeAllClose([32, 2], { atol: 1 });
  });
});

describe('losses', () => {
  const flat = (...rgba: number[]) => tf.tile(tf.tensor(rgba, [1, 1, 1, 4]), [1, 16, 16, 1]);
  const numbers = (parts: object) =>
    Object.fromEntries(Object.entries(parts).map(([name, x]) => [name, x.dataSync()[0]]));

  test('a grey difference costs no chroma, a coloured one does, and flat ones have no edges', () => {
    const grey = numbers(pictureLoss(tf, flat(0.5, 0.5, 0.5, 0), flat(0, 0, 0, 0)));
    expect(grey).toMatchObject({ pixels: 0.375, blocks: 0.375, edges: 0 });
    expect(grey.chroma).toBeCloseTo(0, 5);
    const red = numbers(pictureLoss(tf, flat(1, 0, 0, 0), flat(0, 0, 0, 0)));
    expect(red.chroma).toBeCloseTo(2 * ((0.168736 + 0.5) / 2), 5);
  });

  test('latents of mean 0 and variance 1 cost nothing', () => {
    expect(latentPenalty(tf, tf.tensor([1, -1, -1, 1], [1, 2, 2, 1])).dataSync()[0]).toBeCloseTo(0);
    expect(latentPenalty(tf, tf.tensor([3, 1, 1, 3], [1, 2, 2, 1])).dataSync()[0]).toBeCloseTo(0.05 * 4);
  });
});

describe('noise', () => {
  test.each([DECODER_SCHEDULER, PRIOR_SCHEDULER])(
    '$_class_name: signal and noise make variance 1, over all timesteps',
    (scheduler) => {
      const { timesteps, signal, noise } = createNoising(scheduler)(10, new Dice(0, 0));
      for (let b = 0; b < 10; b++) {
        expect(signal[b]! ** 2 + noise[b]! ** 2).toBeCloseTo(1, 5);
        expect(Math.floor(timesteps[b]! / 100)).toBe(b);
      }
      expect([...signal]).toEqual([...signal].sort((a, b) => b - a));
    },
  );
});

describe('features', () => {
  const x = { data: Float32Array.of(1, 10, 3, 10, 5, 10), shape: [3, 2] };

  test('rows are gathered in the order asked for', () => {
    expect([...gatherRows(x, [2, 0])]).toEqual([5, 10, 1, 10]);
  });

  test('a dimension that never varies has a deviation to divide by', () => {
    const { mean, deviation } = moments(x, [0, 1]);
    expect([...mean]).toEqual([2, 10]);
    expect(deviation[0]).toBeCloseTo(1);
    expect(deviation[1]).toBeGreaterThan(0);
  });
});
