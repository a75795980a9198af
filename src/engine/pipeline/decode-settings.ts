import { InputError } from '../../errors.ts';
import type { Scheduler } from '../diffusion/scheduler.ts';
import type { Tensor } from '../tensor.ts';
import type { DecodeRequest, Model, Size } from './model.ts';

/**
 * The size that was asked for, or the model's own.
 * @throws InputError for sides that the networks can't halve as often as they do
 */
export function sizeOf(
  { pictureSize, sizeStep, name }: Pick<Model, 'pictureSize' | 'sizeStep' | 'name'>,
  { width = pictureSize, height = pictureSize }: Partial<Size>,
): Size {
  if (width % sizeStep === 0 && height % sizeStep === 0) return { width, height };
  throw new InputError(`width and height must be multiples of ${sizeStep} with ${name}, not ${width} × ${height}`);
}

/** A decoder's own scheduler, with what was asked for. @throws InputError for settings that contradict each other */
export function schedulerFor(
  own: Scheduler,
  { sampler, eta, dynamicThresholding }: Pick<DecodeRequest, 'sampler' | 'eta' | 'dynamicThresholding'>,
): Scheduler {
  if (eta !== undefined && !sampler.startsWith('ddim')) {
    throw new InputError(`eta is for the sampler ddim, not for ${sampler}`);
  }
  const scheduler = sampler === own.name ? own : own.withSampler(sampler);
  return dynamicThresholding === undefined ? scheduler : scheduler.withThresholding(dynamicThresholding);
}

/** @throws InputError for a start that another model, or another size, has left */
export function expectStart(start: Tensor | undefined, shape: readonly number[]): Tensor | undefined {
  if (!start || start.shape.join() === shape.join()) return start;
  throw new InputError(
    `start: expected (${shape.join(', ')}) for this model and size, found (${start.shape.join(', ')})`,
  );
}
