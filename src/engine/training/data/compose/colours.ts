import type { Layer } from './layers.ts';

/** Colour words, and what they look like as a background. */
export const BACKGROUNDS: Readonly<Record<string, readonly [number, number, number]>> = {
  red: [214, 48, 49],
  orange: [243, 146, 46],
  yellow: [250, 214, 74],
  green: [62, 160, 85],
  blue: [58, 118, 214],
  purple: [136, 76, 190],
  pink: [244, 154, 194],
  brown: [130, 84, 52],
  black: [24, 24, 26],
  grey: [150, 152, 156],
};

/** Colour words for things, and their hues in degrees. */
export const HUES: Readonly<Record<string, number>> = {
  red: 0,
  orange: 28,
  yellow: 50,
  green: 125,
  blue: 215,
  purple: 275,
  pink: 330,
};

/** Whether a text says a colour already, "Red_Heart" too. */
export const namesColour = (text: string) =>
  /(?<!\p{L})(red|orange|yellow|green|blue|purple|pink|brown|black|gr[ae]y|white|light|dark)(?!\p{L})/iu.test(text);

/** Mean difference between the largest and the smallest of the three channels of what is visible, of 255: 0 for grey. */
export function colourfulness(layer: Layer): number {
  let [sum, visible] = [0, 0];
  for (let i = 0; i < layer.length; i += 4) {
    sum += Math.max(layer[i]!, layer[i + 1]!, layer[i + 2]!) - Math.min(layer[i]!, layer[i + 1]!, layer[i + 2]!);
    visible += layer[i + 3]!;
  }
  return visible === 0 ? 0 : (255 * sum) / visible;
}

/** Rec. 709 luma: without colour. */
export function withoutColour(layer: Layer): Layer {
  return layer.map((value, i) => {
    const p = i & ~3;
    return (i & 3) === 3 ? value : 0.2126 * layer[p]! + 0.7152 * layer[p + 1]! + 0.0722 * layer[p + 2]!;
  });
}

/** Every colour with another hue, its lightness and its distance from grey kept (HSL). */
export function withHue(layer: Layer, hue: number): Layer {
  const result = layer.slice();
  const ramp = [0, 8, 4].map((n) => {
    const k = (n + hue / 30) % 12;
    return Math.max(-1, Math.min(k - 3, 9 - k, 1)); // f(n) = l − a·this, with a = chroma / 2
  });
  for (let i = 0; i < layer.length; i += 4) {
    const [largest, smallest] = [
      Math.max(layer[i]!, layer[i + 1]!, layer[i + 2]!),
      Math.min(layer[i]!, layer[i + 1]!, layer[i + 2]!),
    ];
    const [middle, half] = [(largest + smallest) / 2, (largest - smallest) / 2];
    for (let c = 0; c < 3; c++) result[i + c] = middle - half * ramp[c]!;
  }
  return result;
}
