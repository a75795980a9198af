import { InputError } from '../../errors.ts';
import { addNoise, type Schedule } from '../diffusion/schedule.ts';
import { composeOn, type Picture } from '../images/picture.ts';
import { concatChannels, concatRows, type Tensor, tensor } from '../tensor.ts';

/** Part of a picture that stays as it is while the rest is drawn. */
export interface KeptPart {
  /** (1, C, h, w) */
  readonly latents: Tensor;
  /** (1, 1, h, w): 1 stays, 0 is drawn */
  readonly mask: Tensor;
  /** The same part in pixels, for a picture that is finished; see `encodeKeptPixels`. */
  readonly pixels?: string;
}

/**
 * What a mask says is to be drawn: its white part.
 * @returns (H, W) of the mask: 1 is to be drawn, 0 stays
 * @throws InputError where that is nothing
 */
export function redrawnByMask(mask: Picture, name: string): Tensor {
  const { data, width, height } = composeOn(mask, [0, 0, 0]);
  const redrawn = Float32Array.from({ length: width * height }, (_, i) => {
    const [red, green, blue] = data.subarray(4 * i, 4 * i + 3) as unknown as [number, number, number];
    return 0.299 * red + 0.587 * green + 0.114 * blue >= 127.5 ? 1 : 0;
  });
  if (redrawn.includes(1)) return tensor(redrawn, [height, width]);
  throw new InputError(`${name}: the mask has no white part: expected white where the picture is to be drawn anew`);
}

/** The same without a mask: the transparent part of a picture. */
export function redrawnWhereTransparent({ data, width, height }: Picture, name: string): Tensor {
  const redrawn = Float32Array.from({ length: width * height }, (_, i) => (data[4 * i + 3]! < 128 ? 1 : 0));
  if (redrawn.includes(1)) return tensor(redrawn, [height, width]);
  throw new InputError(
    `${name}: a picture without a transparent part needs a mask, white where it is to be drawn anew`,
  );
}

/** Of a latent and the neighbours that are drawn with it. */
const GROWTH = [
  [0, 0],
  [-1, 0],
  [0, -1],
  [-1, -1],
  [1, 0],
  [0, 1],
  [1, 1],
] as const;

/**
 * The mask of a picture as one of latents (Kandinsky 2.2): each takes the value at its corner, and what is drawn
 * grows by one latent, except towards the upper right and the lower left.
 * @param redrawn  (H, W), from 0.5 on a pixel is to be drawn
 * @returns (1, 1, height, width): 1 stays, 0 is drawn
 */
export function latentMask(redrawn: Tensor, height: number, width: number): Tensor {
  const [rows, columns] = redrawn.shape as [number, number];
  const isDrawn = (y: number, x: number) => {
    if (y < 0 || x < 0 || y >= height || x >= width) return false;
    const pixel = Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width);
    return redrawn.data[pixel]! >= 0.5;
  };
  const data = Float32Array.from({ length: height * width }, (_, i) => {
    const [y, x] = [Math.floor(i / width), i % width];
    return GROWTH.some(([dy, dx]) => isDrawn(y + dy, x + dx)) ? 0 : 1;
  });
  return tensor(data, [1, 1, height, width]);
}

/**
 * What a U-Net for inpainting sees beside the latents: those that stay, and where they are.
 * @param shape  of the latents that are drawn, (R, C, h, w); with nothing kept all is 0
 * @returns (R, C + 1, h, w)
 */
export function keptChannels(kept: KeptPart | undefined, shape: readonly number[]): Tensor {
  const [rowCount, channels, height, width] = shape as [number, number, number, number];
  if (!kept) {
    const length = rowCount * (channels + 1) * height * width;
    return tensor(new Float32Array(length), [rowCount, channels + 1, height, width]);
  }
  const { latents, mask } = kept;
  const visible = {
    data: latents.data.map((value, i) => value * mask.data[i % mask.data.length]!),
    shape: latents.shape,
  };
  return concatRows(Array<Tensor>(rowCount).fill(concatChannels([visible, mask])));
}

/**
 * Puts the kept part back after each step of a sampler, as noisy as the rest (Lugmayr et al. 2022, eq. 8).
 * Differs from the paper: with the noise that the drawing began with, the same at each step.
 * @param noise  standard normal, (R, C, h, w)
 */
export function keepPart({ latents, mask }: KeptPart, noise: Tensor, schedule: Schedule) {
  const all = concatRows(Array<Tensor>(noise.shape[0]!).fill(latents));
  return (x: Tensor, alphaBar: number): Tensor => {
    const noised = addNoise(schedule, all, noise, alphaBar);
    const data = x.data.map((value, i) => (mask.data[i % mask.data.length]! === 1 ? noised.data[i]! : value));
    return tensor(data, x.shape);
  };
}
