import type { Picture } from '../images/picture.ts';
import { tensorFromPicture } from '../images/picture-tensor.ts';
import type { Tensor } from '../tensor.ts';

/**
 * How far a picture is from what it should be: the root of the mean squared difference, all channels alike.
 * @param drawn  (1, 3 or 4, H, W) about [−1, 1]
 * @returns 0 … 1, of the range of a pixel
 */
export function reconstructionError(drawn: Tensor, picture: Picture): number {
  const [, channels, height, width] = drawn.shape as [number, number, number, number];
  const expected = tensorFromPicture(picture, channels, height, width).data;
  const sum = drawn.data.reduce((total, value, i) => {
    const difference = (Math.min(Math.max(value, -1), 1) - expected[i]!) / 2;
    return total + difference ** 2;
  }, 0);
  return Math.sqrt(sum / drawn.data.length);
}
