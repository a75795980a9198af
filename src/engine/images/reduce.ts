import type { Raster } from './resample.ts';

/**
 * Reduces a picture by whole factors as Pillow's `Image.reduce`: each pixel is the mean of a block, at the right and
 * lower edge of what is left of it.
 */
export function reduce({ data, width, height, channels }: Raster, factorX: number, factorY: number): Raster {
  const [newWidth, newHeight] = [Math.ceil(width / factorX), Math.ceil(height / factorY)];
  const output = new Uint8Array(newWidth * newHeight * channels);
  for (let y = 0; y < newHeight; y++) {
    for (let x = 0; x < newWidth; x++) {
      const [left, right] = [x * factorX, Math.min((x + 1) * factorX, width)];
      const [top, bottom] = [y * factorY, Math.min((y + 1) * factorY, height)];
      const mean = roundedMean((right - left) * (bottom - top));
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let v = top; v < bottom; v++) {
          for (let u = left; u < right; u++) sum += data[(v * width + u) * channels + c]!;
        }
        output[(y * newWidth + x) * channels + c] = mean(sum);
      }
    }
  }
  return { data: output, width: newWidth, height: newHeight, channels };
}

/** Sum of `count` bytes → their mean, divided in multiples of 2^−24 as Pillow does. */
function roundedMean(count: number): (sum: number) => number {
  const unit = 2 ** 24;
  const share = Math.floor(unit / count);
  const half = Math.floor(count / 2);
  return (sum) => Math.floor(((sum + half) * share) / unit);
}
