/** A picture in memory: RGBA, 8 bits a channel, rows from the top, alpha not premultiplied. */
export interface Picture {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

type Colour = readonly [red: number, green: number, blue: number];

/** As it looks on an opaque background, white unless said otherwise: α·c + (1 − α)·b. */
export function composeOn({ data, width, height }: Picture, background: Colour = [255, 255, 255]): Picture {
  const composed = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 4) {
    const alpha = data[i + 3]! / 255;
    for (let c = 0; c < 3; c++) {
      composed[i + c] = Math.round(alpha * data[i + c]! + (1 - alpha) * background[c]!);
    }
    composed[i + 3] = 255;
  }
  return { data: composed, width, height };
}
