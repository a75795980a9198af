import { TorchGenerator } from '../random/torch-generator.ts';
import type { Tensor } from '../tensor.ts';
import type { DecodeRequest, Model, StageHooks } from './model.ts';

/**
 * DDIM inversion, Ramesh et al. 2022, section 3: x_T, from which DDIM (η = 0) draws the picture again, given its z_i.
 * The pair (z_i, x_T) is the paper's bipartite latent. The more steps the closer; guidance makes it less exact.
 * @param x0       what the decoder would have to draw, (1, C, h, w): `model.encode` makes it of a picture
 * @param request  with z_i; steps, guidance and text as in the drawing that is to begin at x_T
 * @returns x_T, of x0's shape
 */
export function invert(
  model: Model,
  x0: Tensor,
  request: Omit<DecodeRequest, 'sampler' | 'start'>,
  hooks?: StageHooks,
): Promise<Tensor> {
  // Deterministic: nothing is drawn from the generator.
  return model.decode({ ...request, eta: undefined, sampler: 'ddim-inverse', start: x0 }, new TorchGenerator(0), hooks);
}
