import { PICTURE_SIZE } from '../data/rasterise.ts';
import type { Dice } from '../dice.ts';
import { clipPixels } from './clip-preprocess.ts';
import { paintBackground } from './pictures.ts';

/** Names of what is something else, or wrong, in a mirror. */
const SIDED = /\b(left|right|leftwards|rightwards|waxing|waning|quarter|clockwise|counterclockwise)\b/;

/**
 * A training picture as CLIP and the judge see it, another way at every call: larger or smaller, moved, mirrored where its name
 * allows it, on another background, in other colours, blurred.
 * @param picture 128 × 128 RGBA bytes, composed on white; written into
 * @returns size × size RGB in [−1, 1], rows first, channels last
 */
export function randomView(picture: Uint8Array, name: string, size: number, dice: Dice): Float32Array {
  const pixels = new Float32Array(size * size * 3);
  if (dice.chance(0.2)) paintBackground(picture, [dice.below(256), dice.below(256), dice.below(256)]);
  const shift = () => (PICTURE_SIZE / 6) * (dice.uniform() - 0.5);
  clipPixels(picture, { scale: 0.8 + 0.4 * dice.uniform(), right: shift(), down: shift() }, size, pixels);
  if (!SIDED.test(name) && dice.chance(0.5)) mirror(pixels, size);
  recolour(pixels, dice);
  if (dice.chance(0.3)) blur(pixels, size);
  return pixels;
}

/** Left and right exchanged, in place. */
export function mirror(pixels: Float32Array, size: number): void {
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size / 2; x++) {
      const [i, j] = [(y * size + x) * 3, (y * size + size - 1 - x) * 3];
      for (let c = 0; c < 3; c++) [pixels[i + c], pixels[j + c]] = [pixels[j + c]!, pixels[i + c]!];
    }
  }
}

/** Each channel stronger or weaker by up to a tenth, counted from white; hue and brightness change, white stays. In place. */
function recolour(pixels: Float32Array, dice: Dice): void {
  const gains = [0, 1, 2].map(() => 0.9 + 0.2 * dice.uniform());
  for (let i = 0; i < pixels.length; i++) pixels[i] = Math.max(-1, 1 + (pixels[i]! - 1) * gains[i % 3]!);
}

/** Each square of 2 × 2 pixels by its mean, in place: what is drawn is never as sharp as what was drawn by hand. */
function blur(pixels: Float32Array, size: number): void {
  for (let y = 0; y < size; y += 2) {
    for (let x = 0; x < size; x += 2) {
      for (let c = 0; c < 3; c++) {
        const at = (dx: number, dy: number) => ((y + dy) * size + x + dx) * 3 + c;
        const square = [at(0, 0), at(1, 0), at(0, 1), at(1, 1)];
        const mean = square.reduce((sum, i) => sum + pixels[i]!, 0) / 4;
        for (const i of square) pixels[i] = mean;
      }
    }
  }
}
