import type { Tensor } from '../tensor.ts';
import type { Picture } from './picture.ts';

/** (1, 3, H, W) for the CLIP image encoder. Alpha is dropped: compose the picture first where it matters. */
export type ImageProcessor = (picture: Picture) => Tensor;

/**
 * Reads a transformers `preprocessor_config.json` of CLIPImageProcessor.
 * @throws InputError for unknown keys or values that would change the result
 */
export declare function imageProcessorFromConfig(config: unknown, where: string): ImageProcessor;
