import type { TensorFlow } from '../ops/tfjs-ops.ts';
import { checkpointOf, requireCheckpoint } from './checkpoint.ts';
import { openClipConfig, openMovqConfig, openTextDecoderConfig } from './run-config.ts';
import { tokenize } from './tasks/encode-captions.ts';
import { trainedClip, trainedMovq, trainedTextDecoder } from './tasks/frozen.ts';
import { createPainter, latentShapeOf } from './tasks/sample-pictures.ts';
import { textConditioned } from './tasks/text-decoder.ts';
import { openRunTokenizer } from './tasks/tokenizer.ts';

/**
 * The text-only decoder of a runs folder, to be compared with a model that has a prior. No model folder holds one.
 * @returns draws a text: 128 × 128 RGBA bytes
 * @throws InputError where none has been trained
 */
export async function openTextDecoder(
  tf: TensorFlow,
  runs: string,
): Promise<(prompt: string, seed: number) => Promise<Uint8Array>> {
  for (const part of ['text-decoder', 'movq', 'clip']) requireCheckpoint(checkpointOf(runs, part));
  const [clip, movq] = [await openClipConfig(runs), await openMovqConfig(runs)];
  const text = {
    tokenizer: await openRunTokenizer(runs),
    clip,
    weights: (await trainedClip(tf, runs, clip)).weights,
  };
  const paint = createPainter(tf, movq, (await trainedMovq(tf, runs, movq)).weights);
  const conditioned = textConditioned(tf, await openTextDecoderConfig(runs), text);
  const nothing = tokenize(text, ['']);
  const { weights } = await trainedTextDecoder(tf, runs, (asked) =>
    conditioned(asked, nothing)(tf.zeros([1, ...latentShapeOf(movq)]), tf.zeros([1, 1])),
  );
  return (prompt, seed) => paint(conditioned(weights, tokenize(text, ['', prompt])), seed);
}
