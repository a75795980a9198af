import { existsSync } from 'node:fs';
import type { TensorFlow } from '../ops/tfjs-ops.ts';
import { checkpointOf } from './checkpoint.ts';
import type { PictureSet } from './data/picture-set.ts';
import { openMovqConfig, openUnetConfig } from './run-config.ts';
import { unetOf } from './tasks/decoder.ts';
import type { Embeddings } from './tasks/features.ts';
import { trainedDecoder, trainedMovq } from './tasks/frozen.ts';
import type { DrawPriorSheet } from './tasks/prior-samples.ts';
import { createSheet } from './tasks/sample-pictures.ts';

/**
 * Sheets of what a prior makes of names, drawn by the decoder and the autoencoder of a runs folder.
 * @returns undefined where these have not been trained
 */
export async function openPriorSheet(
  tf: TensorFlow,
  dataset: PictureSet,
  { zeroEmbedding }: Pick<Embeddings, 'zeroEmbedding'>,
  runs: string,
): Promise<DrawPriorSheet | undefined> {
  if (!['movq', 'decoder'].every((part) => existsSync(checkpointOf(runs, part)))) return undefined;
  const [movq, unet] = [await openMovqConfig(runs), await openUnetConfig(runs)];
  const draw = createSheet(tf, dataset, movq, (await trainedMovq(tf, runs, movq)).weights);
  const { weights } = await trainedDecoder(tf, runs, unet);
  const network = unetOf(tf, unet);
  return (embed) =>
    draw(async (index) => {
      const { data } = await embed(dataset.records[index]!.name);
      return network(weights, Float32Array.of(...zeroEmbedding.data, ...data));
    });
}
