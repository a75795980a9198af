import { COLOURED } from '../data/concepts.ts';
import { PICTURE_SIZE } from '../data/rasterise.ts';
import type { Dice } from '../dice.ts';
import { type Bend, clipPixels, WHOLE } from './clip-preprocess.ts';
import { paintBackground } from './pictures.ts';

/** Names of what is something else, or wrong, in a mirror. */
const SIDED = /\b(left|right|leftwards|rightwards|waxing|waning|quarter|clockwise|counterclockwise)\b/;

/** How much of a picture a view changes: of a gentle one one can still tell the style. */
export type ViewKind = 'gentle' | 'strong';

/** Half of them each. */
export const drawKind = (dice: Dice): ViewKind => (dice.chance(0.5) ? 'gentle' : 'strong');

/**
 * A training picture as CLIP and the classifiers see it, another way at every call: larger or smaller, moved, mirrored where
 * its name allows it, a little recoloured, out of focus; a strong view is also broader or narrower, turned, bent
 * in slow waves, on another background, greyer or of other colours, and partly hidden (Zhong et al. 2020). Who has nine
 * pictures of a thing learns them by heart otherwise: the tenth has other proportions and colours.
 * @param picture 128 × 128 RGBA bytes, composed on white; written into
 * @returns size × size RGB in [−1, 1], rows first, channels last
 */
export function randomView(picture: Uint8Array, name: string, size: number, dice: Dice, kind: ViewKind): Float32Array {
  const isStrong = kind === 'strong';
  const pixels = new Float32Array(size * size * 3);
  const between = (least: number, most: number) => least + (most - least) * dice.uniform();
  if (isStrong && dice.chance(0.4)) paintBackground(picture, randomColour(dice));
  const shift = () => (PICTURE_SIZE / 6) * between(-0.5, 0.5);
  const place = { ...WHOLE, scale: between(0.75, 1.2), right: shift(), down: shift() };
  const distorted = isStrong && { turn: between(-0.26, 0.26), stretch: between(0.85, 1.18), bend: randomBend(dice) };
  clipPixels(picture, { ...place, ...distorted }, size, pixels);
  if (!SIDED.test(name) && dice.chance(0.5)) mirror(pixels, size);
  recolour(pixels, isStrong ? 0.2 : 0.05, dice);
  if (isStrong && !COLOURED.test(name)) {
    if (dice.chance(0.25)) exchangeColours(pixels, dice);
    if (dice.chance(0.5)) saturate(pixels, between(0, 1.5));
  }
  if (isStrong && dice.chance(0.3)) hide(pixels, size, dice);
  if (dice.chance(0.5)) blur(pixels, size, 1 + dice.below(isStrong ? 4 : 2));
  return pixels;
}

/** Pixels at most that a wave of one period moves a place; one of n periods an nth of it, so that lines stay about as steep. */
const BEND = 6;
const PERIODS = 3;

/** Two waves along each axis for either direction. */
function randomBend(dice: Dice): Bend {
  const waves = (): Float32Array => {
    const displacements = new Float32Array(PICTURE_SIZE);
    for (let wave = 0; wave < 2; wave++) {
      const periods = 0.5 + (PERIODS - 0.5) * dice.uniform();
      const amplitude = (BEND / 2 / Math.max(1, periods)) * dice.uniform();
      const phase = 2 * Math.PI * dice.uniform();
      for (let i = 0; i < PICTURE_SIZE; i++) {
        displacements[i]! += amplitude * Math.sin((2 * Math.PI * periods * i) / PICTURE_SIZE + phase);
      }
    }
    return displacements;
  };
  return { right: { byRow: waves(), byColumn: waves() }, down: { byRow: waves(), byColumn: waves() } };
}

const randomColour = (dice: Dice): [number, number, number] => [dice.below(256), dice.below(256), dice.below(256)];

/** Left and right exchanged, in place. */
export function mirror(pixels: Float32Array, size: number): void {
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size / 2; x++) {
      const left = (y * size + x) * 3;
      const right = (y * size + size - 1 - x) * 3;
      for (let c = 0; c < 3; c++) {
        const value = pixels[left + c]!;
        pixels[left + c] = pixels[right + c]!;
        pixels[right + c] = value;
      }
    }
  }
}

/** Darker or lighter by up to `most`, each channel by another tenth, counted from white: white stays. In place. */
function recolour(pixels: Float32Array, most: number, dice: Dice): void {
  const gain = 1 + most * (2 * dice.uniform() - 1);
  const gains = [0, 1, 2].map(() => gain * (0.9 + 0.2 * dice.uniform()));
  for (let i = 0; i < pixels.length; i++) pixels[i] = Math.max(-1, 1 + (pixels[i]! - 1) * gains[i % 3]!);
}

/** Red, green and blue in another order, in place: grey stays. */
function exchangeColours(pixels: Float32Array, dice: Dice): void {
  const [red, green, blue] = dice.some([0, 1, 2], 3) as [number, number, number];
  for (let i = 0; i < pixels.length; i += 3) {
    const colour = [pixels[i + red]!, pixels[i + green]!, pixels[i + blue]!];
    pixels.set(colour, i);
  }
}

/** Colours `by` times as far from grey as they were, in place. */
function saturate(pixels: Float32Array, by: number): void {
  for (let i = 0; i < pixels.length; i += 3) {
    // luma, ITU-R BT.601
    const grey = 0.299 * pixels[i]! + 0.587 * pixels[i + 1]! + 0.114 * pixels[i + 2]!;
    for (let c = 0; c < 3; c++) pixels[i + c] = Math.max(-1, Math.min(1, grey + by * (pixels[i + c]! - grey)));
  }
}

/** A rectangle of one colour over it, its sides a fifth to a half of the picture's, in place. */
function hide(pixels: Float32Array, size: number, dice: Dice): void {
  const side = () => Math.round(size * (0.2 + 0.3 * dice.uniform()));
  const [width, height] = [side(), side()];
  const [left, top] = [dice.below(size - width + 1), dice.below(size - height + 1)];
  const colour = randomColour(dice).map((value) => value / 127.5 - 1);
  for (let y = top; y < top + height; y++)
    for (let x = left; x < left + width; x++) pixels.set(colour, (y * size + x) * 3);
}

/**
 * As through a lens out of focus, in place: what is drawn is never as sharp as what was drawn by hand. Each pixel gets a share of
 * its neighbours, along rows and then along columns, some times.
 */
function blur(pixels: Float32Array, size: number, times: number): void {
  for (let time = 0; time < times; time++) {
    for (let line = 0; line < size; line++) {
      smooth(pixels, line * size * 3, 3, size);
      smooth(pixels, line * 3, size * 3, size);
    }
  }
}

/** (1, 2, 1) / 4 over `count` pixels, `step` values apart; the outermost stay. */
function smooth(pixels: Float32Array, from: number, step: number, count: number): void {
  for (let c = from; c < from + 3; c++) {
    let before = pixels[c]!;
    for (let i = c + step; i < c + (count - 1) * step; i += step) {
      const here = pixels[i]!;
      pixels[i] = (before + 2 * here + pixels[i + step]!) / 4;
      before = here;
    }
  }
}
