import { median } from '../../median.ts';
import { BACKGROUNDS, HUES } from '../../training/data/compose/colours.ts';
import { PICTURE_SIZE } from '../../training/data/rasterise.ts';

type Rgb = readonly [number, number, number];

const WHITE: readonly [string, Rgb] = ['white', [255, 255, 255]];
/** Pixels from the edge, which an autoencoder draws less exactly. */
const MARGIN = 2;

/** The word for the median colour along the four edges of a picture, 128 × 128 RGBA bytes: a background's, or white. */
export function edgeColour(picture: Uint8Array): string {
  const far = PICTURE_SIZE - 1 - MARGIN;
  const pixels = Array.from({ length: PICTURE_SIZE }, (_, i) => [
    MARGIN * PICTURE_SIZE + i,
    far * PICTURE_SIZE + i,
    i * PICTURE_SIZE + MARGIN,
    i * PICTURE_SIZE + far,
  ]).flat();
  const seen = [0, 1, 2].map((c) => median(pixels.map((pixel) => picture[4 * pixel + c]!)));
  return nearest([WHITE, ...Object.entries(BACKGROUNDS)], (rgb) =>
    rgb.reduce((sum, value, c) => sum + (value - seen[c]!) ** 2, 0),
  );
}

/** The word for the hue of all colour in a picture, 128 × 128 RGBA bytes, the stronger the more it counts. */
export function overallHue(picture: Uint8Array): string {
  let [x, y] = [0, 0];
  for (let i = 0; i < picture.length; i += 4) {
    const [red, green, blue] = [picture[i]!, picture[i + 1]!, picture[i + 2]!];
    // hue is an angle, chroma a length: opposite colours cancel out
    x += red - (green + blue) / 2;
    y += (Math.sqrt(3) / 2) * (green - blue);
  }
  const hue = (Math.atan2(y, x) * 180) / Math.PI;
  return nearest(Object.entries(HUES), (other) => Math.abs(((((hue - other) % 360) + 540) % 360) - 180));
}

function nearest<T>(words: readonly (readonly [string, T])[], distance: (of: T) => number): string {
  return words.reduce((best, word) => (distance(word[1]) < distance(best[1]) ? word : best))[0];
}
