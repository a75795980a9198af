import { InputError } from '../../errors.ts';
import { TorchGenerator } from '../random/torch-generator.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { slerp } from './interpolation.ts';
import type { Model } from './model.ts';

/**
 * Where texts are compared: as in the paper by CLIP, z_t; or, where a model says so, by what its prior makes of both from the
 * same noise, P(z_i | y). In a small CLIP the way from one text to another is not that from picture to picture: halfway from
 * "red heart" to "blue heart" the decoder draws nothing that it knows.
 */
export function embedderOfDiff(model: Model): (text: string) => Promise<Tensor> {
  if (model.defaults.textDiff !== 'prior') return (text) => model.encodeText(text);
  return async (prompt) => (await model.embedText({ prompt }, new TorchGenerator(0))).imageEmbedding;
}

/**
 * Text diff, Ramesh et al. 2022, section 3.3: z_θ = slerp(z_i, z_d, θ), z_d = (z_t − z_t0)/|z_t − z_t0|.
 * Differs from the paper: z_d has the length of z_i, as embeddings aren't normalised here.
 * @param imageEmbedding  z_i, (1, D)
 * @param to              z_t, the embedding of what the picture is to show, (1, D)
 * @param from            z_t0, that of what it shows, (1, D)
 * @param strength        θ, 0 leaves z_i as it is … 1 leaves nothing of it; the paper goes to 0.25 to 0.50
 * @throws InputError when both texts are the same to the model
 */
export function textDiff(imageEmbedding: Tensor, to: Tensor, from: Tensor, strength: number): Tensor {
  const difference = to.data.map((value, i) => value - from.data[i]!);
  const length = norm(difference);
  if (length === 0) {
    throw new InputError('there is nothing to modify: to this model the new text and the present one are the same');
  }
  const scale = norm(imageEmbedding.data) / length;
  const direction = tensor(
    difference.map((value) => value * scale),
    to.shape,
  );
  return slerp(imageEmbedding, direction, strength);
}

const norm = (values: Float32Array) => Math.hypot(...values);
