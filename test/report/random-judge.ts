import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassifierConfig, classifier } from '../../src/engine/networks/classifier.ts';
import { TfjsOps } from '../../src/engine/ops/tfjs-ops.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import { writeSafetensors } from '../../src/engine/weights/safetensors.ts';
import { tensorflow as tf } from '../training/tensorflow-js.ts';

/** A judge of 16 × 16 pixels. */
export const SMALL_JUDGE = { image_size: 16, channels: [16, 16], style_width: 4 };

/**
 * Writes a judge with random weights.
 * @returns two random pictures (2, 3, 16, 16), and what it says of them in TensorFlow.js
 */
export async function writeRandomJudge(dir: string, concepts: readonly string[], styles: readonly string[]) {
  const config = ClassifierConfig.parse({ ...SMALL_JUDGE, concepts, styles });
  const ops = new TfjsOps(tf);
  const pixels = new Dice(3, 0).normal([2, 3, 16, 16]);
  const images = ops.image(tf.tensor(pixels.data, [...pixels.shape]));
  const parameters = Parameters.of(ops, (weights) => classifier(ops, weights, config)(images));
  const values = parameters.initialise(1);
  const said = classifier(ops, parameters.weights(parameters.tensors(tf, values)), config)(images);

  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'config.json'), JSON.stringify({ _class_name: 'Judge', ...config }));
  await writeSafetensors(join(dir, 'model.safetensors'), parameters.export(values));
  const numbers = (x: { dataSync(): unknown }) => [...(x.dataSync() as Float32Array)];
  return { pixels, concepts: numbers(said.concepts), style: numbers(said.style) };
}
