import type { Recipe } from '../../recipe.ts';
import type { Tensor } from '../tensor.ts';
import type { Picture } from './picture.ts';

/**
 * The network's picture as bytes: round((x + 1)·127.5).
 * @param x (1, 3, H, W) colour, or (1, 4, H, W) colour as composed on white, and alpha; values in [−1, 1], clamped
 */
export declare function pictureFromTensor(x: Tensor): Picture;

/** PNG with the recipe that makes the same picture again. */
export declare function encodePng(picture: Picture, recipe?: Recipe): Promise<Buffer>;

/** A small file for a picture in the making, enlarged to `size` pixels on its longer side. */
export declare function encodePreview(picture: Picture, size?: number): Promise<Buffer>;

/**
 * The recipe in a PNG made by `encodePng`; undefined where there is none (or no PNG).
 * @param name the file's name, for messages
 * @throws InputError when there is one that can't be read
 */
export declare function readRecipe(png: Uint8Array, name: string): Recipe | undefined;
