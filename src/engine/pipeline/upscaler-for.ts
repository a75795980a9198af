import { InputError } from '../../errors.ts';
import type { Model, Size, Upscaler } from './model.ts';

/** Of the model's own width and height, what is made larger may have so many times as much: beyond, memory runs out. */
const MAX_FACTOR = 2;

/** @throws InputError where the model has no upsampler, or the picture is too large for it */
export function upscalerFor({ name, upscaler, pictureSize }: Model, { width, height }: Size): Upscaler {
  if (!upscaler) {
    throw new InputError(
      `the model ${name} has no upsampler: one can be trained for it with npm run train -- upsampler, and exported`,
    );
  }
  const most = MAX_FACTOR * pictureSize;
  if (Math.max(width, height) <= most) return upscaler;
  throw new InputError(`pictures up to ${most} × ${most} can be made larger, not ${width} × ${height}`);
}
