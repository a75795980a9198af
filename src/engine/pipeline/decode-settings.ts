import { InputError } from '../../errors.ts';
import type { Scheduler } from '../diffusion/scheduler.ts';
import type { DecodeRequest, Model, Size } from './model.ts';

/** Times the pixels of the model's own pictures: attention needs memory by the square of them. */
const MAX_ENLARGEMENT = 4;

/**
 * The size that was asked for, or the model's own.
 * @throws InputError for sides that the networks can't halve as often as they do, or too many pixels
 */
export function sizeOf(
  { pictureSize, sizeStep, name }: Pick<Model, 'pictureSize' | 'sizeStep' | 'name'>,
  { width = pictureSize, height = pictureSize }: Partial<Size>,
): Size {
  if (width % sizeStep !== 0 || height % sizeStep !== 0) {
    throw new InputError(`width and height must be multiples of ${sizeStep} with ${name}, not ${width} × ${height}`);
  }
  if (width * height > MAX_ENLARGEMENT * pictureSize ** 2) {
    throw new InputError(
      `${name} draws at most ${MAX_ENLARGEMENT} times the pixels of its own ${pictureSize} × ${pictureSize}, ` +
        `not ${width} × ${height}`,
    );
  }
  return { width, height };
}

/** What was asked for, as sampling takes it from any decoder. @throws InputError as `schedulerFor` does */
export function samplingFor(own: Scheduler, request: DecodeRequest & Size) {
  const { width, height, steps, guidanceScale, guidanceRescale, eta, start, origin } = request;
  const scheduler = schedulerFor(own, request);
  // A start is what an inversion begins with, or has found: both ways have to take the same ε.
  const useClippedModelOutput = start !== undefined;
  const guidance = { guidanceScale, guidanceRescale };
  return { width, height, scheduler, steps, ...guidance, eta, useClippedModelOutput, start, origin };
}

/** A decoder's own scheduler, with what was asked for. @throws InputError for settings that contradict each other */
function schedulerFor(
  own: Scheduler,
  { sampler, eta, dynamicThresholding }: Pick<DecodeRequest, 'sampler' | 'eta' | 'dynamicThresholding'>,
): Scheduler {
  if (eta !== undefined && !sampler.startsWith('ddim')) {
    throw new InputError(`eta is for the sampler ddim, not for ${sampler}`);
  }
  const scheduler = sampler === own.name ? own : own.withSampler(sampler);
  return dynamicThresholding === undefined ? scheduler : scheduler.withThresholding(dynamicThresholding);
}

/**
 * Checks what sampling starts from and what it keeps.
 * @param shape  of what the decoder draws, (1, C, h, w)
 * @throws InputError for what another model, or another size, has left
 */
export function expectShapes({ start, origin, kept }: DecodeRequest, shape: readonly number[]): void {
  const given = { start, 'origin: latents': origin?.sample, 'kept: latents': kept?.latents };
  for (const [name, found] of Object.entries(given)) {
    if (!found || found.shape.join() === shape.join()) continue;
    throw new InputError(
      `${name}: expected (${shape.join(', ')}) for this model and size, found (${found.shape.join(', ')})`,
    );
  }
  const [, , height, width] = shape;
  if (kept && kept.mask.shape.join() !== [1, 1, height, width].join()) {
    throw new InputError(`kept: mask: expected (1, 1, ${height}, ${width}), found (${kept.mask.shape.join(', ')})`);
  }
}
