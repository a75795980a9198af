/** A picture in memory: RGBA, 8 bits a channel, rows from the top, alpha not premultiplied. */
export interface Picture {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** As it looks on an opaque background (white unless said otherwise). */
export declare function composeOn(picture: Picture, background?: readonly [number, number, number]): Picture;
