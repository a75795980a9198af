import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type * as tfjs from '@tensorflow/tfjs-core';
import { InputError } from '../../../errors.ts';
import { type ClassifierConfig, classifier } from '../../networks/classifier.ts';
import { clipText } from '../../networks/clip-text.ts';
import { clipVision } from '../../networks/clip-vision.ts';
import { type MovqConfig, movqDecoder, movqEncoder } from '../../networks/movq.ts';
import { unet } from '../../networks/unet.ts';
import type { UnetConfig } from '../../networks/unet-config.ts';
import type { Weights } from '../../ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import type { Tensor } from '../../tensor.ts';
import { checkpointOf, loadAverage, loadNotes, sizedBy } from '../checkpoint.ts';
import { digestOf } from '../kept-file.ts';
import { type Initialiser, Parameters } from '../parameters.ts';
import { type ClipConfig, embedPixels } from './clip-encoders.ts';
import { wholePictures } from './clip-preprocess.ts';
import { evaluated } from './evaluated.ts';

type T = tfjs.Tensor;
type Averages = ReadonlyMap<string, Tensor>;

/** The averaged weights of another run, to be used, and to start from. */
export interface TrainedNetwork {
  readonly weights: Weights<T>;
  readonly initialise: Initialiser;
}

// Networks that are used and not trained. They are asked for their parameters, and so compared with their config.json, when
// they are opened: another size is not to show hours later.

export const trainedMovq = async (tf: TensorFlow, runs: string, config: MovqConfig): Promise<TrainedNetwork> =>
  movqOf(tf, runs, config, await loadAverage(checkpointOf(runs, 'movq')));

export const movqOf = (tf: TensorFlow, runs: string, config: MovqConfig, averages: Averages): TrainedNetwork =>
  open(tf, runs, 'movq', averages, (weights) => {
    const [ops, side] = [new TfjsOps(tf), 2 ** (config.block_out_channels.length - 1)];
    const latents = movqEncoder(ops, weights, config)(tf.zeros([1, side, side, config.in_channels]));
    movqDecoder(ops, weights, config)(latents);
  });

/** With the text encoder that knows more words where there is one. */
export const trainedClip = async (tf: TensorFlow, runs: string, config: ClipConfig): Promise<TrainedNetwork> =>
  clipOf(tf, runs, config, await loadClip(runs, ['distil']));

/** With the text encoder that learned from captions alone. */
export const undistilledClip = async (tf: TensorFlow, runs: string, config: ClipConfig): Promise<TrainedNetwork> =>
  clipOf(tf, runs, config, await loadAverage(checkpointOf(runs, 'clip')));

const clipOf = (tf: TensorFlow, runs: string, config: ClipConfig, averages: Averages): TrainedNetwork =>
  open(tf, runs, 'clip', averages, (weights) => {
    see(tf, weights, config);
    clipText(
      new TfjsOps(tf),
      weights,
      config.text,
    )({
      ids: tf.zeros([1, 2], 'int32'),
      positions: tf.tensor2d([0, 1], [1, 2], 'int32'),
      ends: tf.tensor1d([1], 'int32'),
    });
  });

/** Where CLIP's encoder of pictures sees one, (1, P) of length 1, as an export has it: that of `vision` where there is one. */
export async function exportedEncoder(
  tf: TensorFlow,
  runs: string,
  config: ClipConfig,
): Promise<(picture: Uint8Array) => Promise<Tensor>> {
  const { weights } = clipVisionOf(tf, runs, config, await loadClip(runs));
  return (picture) =>
    evaluated(tf, () => embedPixels(tf, weights, config, wholePictures([picture], config.vision.image_size)));
}

/** CLIP's encoder of pictures alone. */
export const clipVisionOf = (tf: TensorFlow, runs: string, config: ClipConfig, averages: Averages): TrainedNetwork =>
  open(tf, runs, 'clip', averages, (weights) => see(tf, weights, config));

function see(tf: TensorFlow, weights: Weights<T>, { vision }: ClipConfig): void {
  clipVision(new TfjsOps(tf), weights, vision)(tf.zeros([1, vision.image_size, vision.image_size, 3]));
}

export const trainedDecoder = async (tf: TensorFlow, runs: string, config: UnetConfig): Promise<TrainedNetwork> =>
  open(tf, runs, 'decoder', await loadAverage(checkpointOf(runs, 'decoder')), (weights) => {
    const side = 2 ** (config.block_out_channels.length - 1);
    unet(
      new TfjsOps(tf),
      weights,
      config,
    )({
      sample: tf.zeros([1, side, side, config.in_channels]),
      timestep: tf.zeros([1, 1]),
      imageEmbedding: tf.zeros([1, config.encoder_hid_dim]),
    });
  });

export const trainedTeacher = async (tf: TensorFlow, runs: string, config: ClassifierConfig): Promise<TrainedNetwork> =>
  open(tf, runs, 'teacher', await loadAverage(checkpointOf(runs, 'teacher')), (weights) => {
    classifier(new TfjsOps(tf), weights, config)(tf.zeros([1, config.image_size, config.image_size, 3]));
  });

/** @param draw  asks it for a step of denoising */
export const trainedTextDecoder = async (
  tf: TensorFlow,
  runs: string,
  draw: (weights: Weights<T>) => void,
): Promise<TrainedNetwork> =>
  open(tf, runs, 'text-decoder', await loadAverage(checkpointOf(runs, 'text-decoder')), draw);

/**
 * Its tensors are kept until the process ends.
 * @param run runs the network once, on anything
 * @throws WeightMismatchError where it has other sizes than its config.json says
 */
function open(
  tf: TensorFlow,
  runs: string,
  name: string,
  averages: Averages,
  run: (weights: Weights<T>) => void,
): TrainedNetwork {
  const parameters = Parameters.of(new TfjsOps(tf), run);
  const values = parameters.import(averages, sizedBy(checkpointOf(runs, name)));
  return {
    weights: parameters.weights(parameters.tensors(tf, values)),
    initialise: parameters.startingFrom(values),
  };
}

/** Parts that train one of CLIP's encoders further. */
export const OF_CLIP = ['distil', 'vision'] as const;

/** What to do once CLIP is another. Words are learned further from where they were; pictures are held to what that CLIP saw. */
export const learnAgain = (runs: string, part: (typeof OF_CLIP)[number]): string =>
  `${part === 'vision' ? `delete ${join(runs, part)}, then ` : ''}run npm run train -- ${part} again`;

/**
 * The averaged weights of CLIP, with those of its encoders that have been trained further.
 * @param parts that count
 * @throws InputError where one of them began from an earlier state of CLIP
 */
export async function loadClip(
  runs: string,
  parts: readonly (typeof OF_CLIP)[number][] = OF_CLIP,
): Promise<Map<string, Tensor>> {
  const clip = await loadAverage(checkpointOf(runs, 'clip'));
  const all = new Map(clip);
  for (const part of parts) {
    const path = checkpointOf(runs, part);
    if (!existsSync(path)) continue;
    if ((await loadNotes(path)).learnedFrom?.clip?.weights !== digestOf(clip))
      throw new InputError(`${path}: CLIP has been trained further since; ${learnAgain(runs, part)}`);
    for (const [name, weights] of await loadAverage(path)) all.set(name, weights);
  }
  return all;
}
