import type * as tfjs from '@tensorflow/tfjs-core';
import { InputError } from '../../../errors.ts';
import type { Denoiser } from '../../diffusion/sampler.ts';
import { superResolution } from '../../networks/unet.ts';
import { SuperResolutionConfig } from '../../networks/unet-config.ts';
import type { Weights } from '../../ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import { DETAIL_GAIN, enlarge, UPSCALE, UPSCALE_SCHEDULER, upscale } from '../../pipeline/upscale.ts';
import { TorchGenerator } from '../../random/torch-generator.ts';
import { concatRows, type Tensor, tensor } from '../../tensor.ts';
import { contactSheet } from '../data/contact-sheet.ts';
import type { Dataset } from '../data/dataset.ts';
import type { LargePictures } from '../data/large-pictures.ts';
import { PICTURE_SIZE } from '../data/rasterise.ts';
import { Dice } from '../dice.ts';
import type { Task, TaskOptions } from '../task.ts';
import { evaluated } from './evaluated.ts';
import { psnrRgb } from './movq.ts';
import { createNoising, type NoiseLevels } from './noising.ts';
import { evenly, indicesOf, judgedPictures } from './pictures.ts';
import { blurAndNoise, bytesOf, cut, type FrozenMovq, squareOf, throughMovq } from './upsampler-pictures.ts';

type T = tfjs.Tensor;

/** Karlo's super-resolution network at CPU size: [noised detail ∥ enlarged picture], RGBA each, → detail. */
export function upsamplerConfig(channels: readonly number[]): SuperResolutionConfig {
  return SuperResolutionConfig.parse({
    sample_size: UPSCALE * PICTURE_SIZE,
    in_channels: 2 * CHANNELS,
    out_channels: CHANNELS,
    block_out_channels: [...channels],
    layers_per_block: 1,
    down_block_types: channels.map(() => 'ResnetDownsampleBlock2D'),
    up_block_types: channels.map(() => 'ResnetUpsampleBlock2D'),
    add_attention: false,
    norm_num_groups: 8,
    resnet_time_scale_shift: 'scale_shift',
  });
}

const CHANNELS = 4;
const BATCH = 8;
/** Sides of the crops, in pixels of the small picture: a quarter of it, and what MoVQ sees around it. */
const CROP = PICTURE_SIZE / 4;
const WINDOW = 2 * CROP;
/** How often the small picture is one that MoVQ has decoded, as all that a model draws are. */
const DECODED = 0.5;
const JUDGED = 16;
const SHOWN = 8;

/** Sampling in three steps ends there: from less noise a network learns to copy its input, and does it at more noise too. */
const LAST_TIMESTEP = 332;

interface Batch extends NoiseLevels {
  /** (B, 4, 128, 128) each. */
  readonly enlarged: Tensor;
  readonly detail: Tensor;
  readonly epsilon: Tensor;
}

/** A picture before and after, (1, 4, h, w) and (1, 4, 4h, 4w) in [−1, 1]. */
interface Pair {
  readonly small: Tensor;
  readonly large: Tensor;
}

/**
 * The upsampler learns, on crops, the detail that a small picture lacks; the small picture is blurred, noised, or decoded by
 * MoVQ, so that flaws of that kind are not made larger.
 * @throws InputError where no picture to train on is large
 */
export function upsamplerTask(
  tf: TensorFlow,
  dataset: Dataset,
  pictures: LargePictures,
  movq: FrozenMovq,
  config: SuperResolutionConfig,
  { horizon, seed }: TaskOptions,
): Task<Batch> {
  const noising = createNoising(UPSCALE_SCHEDULER, LAST_TIMESTEP);
  const training = indicesOf(dataset, 'train').filter((index) => pictures.has(index));
  if (training.length === 0) throw new InputError('no picture to train on is large: an upsampler needs some');
  const judged = judgedPictures(dataset, 'held-out-concept', JUDGED, (index) => pictures.has(index));
  const network = upsamplerOf(tf, config);

  /** A square of a picture and what is around it, both at its two sizes. */
  function windowOf(index: number, left: number, top: number): Pair {
    return {
      small: squareOf(dataset.read(index), PICTURE_SIZE, left, top, WINDOW),
      large: squareOf(pictures.read(index), UPSCALE * PICTURE_SIZE, UPSCALE * left, UPSCALE * top, UPSCALE * WINDOW),
    };
  }

  async function trainingPair(dice: Dice): Promise<Pair> {
    const index = dice.pick(training);
    const [left, top] = [dice.below(PICTURE_SIZE - CROP + 1), dice.below(PICTURE_SIZE - CROP + 1)];
    // the crop in the middle of its window, but where that would leave the picture
    const [windowLeft, windowTop] = [left, top].map((at) =>
      Math.min(Math.max(at - (WINDOW - CROP) / 2, 0), PICTURE_SIZE - WINDOW),
    ) as [number, number];
    const { small, large } = windowOf(index, windowLeft, windowTop);
    const corrupted = dice.chance(DECODED) ? await throughMovq(tf, movq, small) : blurAndNoise(small, dice);
    const enlarged = enlarge(corrupted);
    const [x, y] = [UPSCALE * (left - windowLeft), UPSCALE * (top - windowTop)];
    return { small: cut(enlarged, x, y, UPSCALE * CROP), large: cut(large, x, y, UPSCALE * CROP) };
  }

  return {
    name: 'upsampler',
    batchSize: BATCH,
    optimizer: {
      learningRate: 1e-3,
      warmup: 100,
      horizon,
      average: 0.999,
      beta1: 0.9,
      beta2: 0.99,
      eps: 1e-8,
      weightDecay: 0,
      maxNorm: 1,
    },
    // no detail at first: the bicubic picture
    initialise: (name) => (name.startsWith('conv_out.') ? { constant: 0 } : undefined),

    async batch(step) {
      const dice = new Dice(seed, step);
      const pairs: Pair[] = [];
      for (let b = 0; b < BATCH; b++) pairs.push(await trainingPair(dice));
      const enlarged = concatRows(pairs.map(({ small }) => small));
      const large = concatRows(pairs.map(({ large }) => large));
      const detail = tensor(
        large.data.map((value, i) => DETAIL_GAIN * (value - enlarged.data[i]!)),
        large.shape,
      );
      return { enlarged, detail, epsilon: dice.normal(large.shape), ...noising(BATCH, dice) };
    },

    /** Squared error of the predicted detail. */
    loss(weights, { enlarged, detail, epsilon, timesteps, signal, noise }) {
      const ops = new TfjsOps(tf);
      const image = ({ data, shape }: Tensor) => ops.image(tf.tensor(data, [...shape]));
      const perRow = (values: Float32Array) => tf.tensor(values, [BATCH, 1, 1, 1]);
      const x0 = image(detail);
      const noised = tf.add(tf.mul(perRow(signal), x0), tf.mul(perRow(noise), image(epsilon)));
      const sample = ops.concatChannels([noised, image(enlarged)]);
      const predicted = superResolution(ops, weights, config)({ sample, timestep: tf.tensor(timesteps, [BATCH, 1]) });
      return { total: tf.mean(tf.squaredDifference(predicted, x0)) as tfjs.Scalar, parts: {} };
    },

    async evaluate(weights) {
      const middle = (PICTURE_SIZE - WINDOW) / 2;
      const pairs = judged.indices.map((index) => windowOf(index, middle, middle));
      const bicubic = pairs.map(({ small }) => enlarge(small));
      const drawn: Tensor[] = [];
      for (const { small } of pairs) {
        drawn.push(await upscale(network(weights), small, { generator: new TorchGenerator(0) }));
      }
      const psnr = (found: readonly Tensor[]) =>
        pairs.reduce((sum, { large }, i) => sum + psnrRgb(bytesOf(large), bytesOf(found[i]!)), 0) / pairs.length;
      const rows = [bicubic, drawn, pairs.map(({ large }) => large)].flatMap((pictures) =>
        evenly(pictures, SHOWN).map((picture) =>
          bytesOf(cut(picture, PICTURE_SIZE / 2, PICTURE_SIZE / 2, PICTURE_SIZE)),
        ),
      );
      return {
        figures: judged.name({ psnr: psnr(drawn), bicubic: psnr(bicubic) }),
        sheet: await contactSheet(rows, { columns: Math.min(SHOWN, judged.indices.length), size: PICTURE_SIZE }),
      };
    },
  };
}

/** @returns the U-Net for a picture that is being drawn, as samplers want it */
function upsamplerOf(tf: TensorFlow, config: SuperResolutionConfig) {
  const ops = new TfjsOps(tf);
  return (weights: Weights<T>): Denoiser =>
    async ({ data, shape }, t) => {
      const detail = await evaluated(tf, () => {
        const sample = ops.image(tf.tensor(data, [...shape]));
        return ops.fromImage(superResolution(ops, weights, config)({ sample, timestep: tf.fill([shape[0]!, 1], t) }));
      });
      return tensor(detail.data, [shape[0]!, CHANNELS, ...shape.slice(2)]);
    };
}
