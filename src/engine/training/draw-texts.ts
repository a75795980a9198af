import { loadTokenizer } from '../networks/tokenizer.ts';
import type { TensorFlow } from '../ops/tfjs-ops.ts';
import { PICTURE_SIZE } from './data/rasterise.ts';
import { openClipConfig, openMovqConfig, openTextDecoderConfig } from './run-config.ts';
import { tokenize } from './tasks/encode-captions.ts';
import { frozenWeights } from './tasks/frozen.ts';
import { createPainter } from './tasks/sample-pictures.ts';
import { textConditioned } from './tasks/text-decoder.ts';
import { tokenizerFolder } from './tasks/tokenizer.ts';

/**
 * The text-only decoder of a runs folder, to be compared with a model that has a prior. No model folder holds one.
 * @returns draws a text: 128 × 128 RGBA bytes
 * @throws InputError where none has been trained
 */
export async function openTextDecoder(
  tf: TensorFlow,
  runs: string,
): Promise<(prompt: string, seed: number) => Promise<Uint8Array>> {
  const weights = await frozenWeights(tf, runs, 'text-decoder');
  const clip = await openClipConfig(runs);
  const text = {
    tokenizer: await loadTokenizer(tokenizerFolder(runs)),
    clip,
    weights: await frozenWeights(tf, runs, 'clip'),
  };
  const movq = await openMovqConfig(runs);
  const side = PICTURE_SIZE / 2 ** (movq.block_out_channels.length - 1);
  const paint = createPainter(tf, movq, await frozenWeights(tf, runs, 'movq'), [side, side, movq.latent_channels]);
  const conditioned = textConditioned(tf, await openTextDecoderConfig(runs), text);
  return (prompt, seed) => paint(conditioned(weights, tokenize(text, ['', prompt])), seed);
}
