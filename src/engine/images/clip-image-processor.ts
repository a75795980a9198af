import { z } from 'zod';
import { type Tensor, tensor } from '../tensor.ts';
import { ConfigError, count, only, parseConfig, unread } from '../weights/config.ts';
import { composeOn, type Picture } from './picture.ts';
import { type Raster, resample } from './resample.ts';

/** (1, 3, H, W) for the CLIP image encoder; what is transparent is composed on white, as in transformers. */
export type ImageProcessor = (picture: Picture) => Tensor;

const Square = z.union([z.strictObject({ height: count(), width: count() }), count().transform(squareOf)]);
const Channels = z.tuple([z.number(), z.number(), z.number()]);

const Config = z.strictObject({
  do_convert_rgb: unread(),
  do_resize: z.boolean().default(true),
  size: z
    .union([
      z.strictObject({ shortest_edge: count() }),
      z.strictObject({ height: count(), width: count() }),
      count().transform((shortest_edge) => ({ shortest_edge })),
    ])
    .default({ shortest_edge: 224 }),
  resample: z.union([z.literal(1), z.literal(2), z.literal(3)]).default(3),
  do_center_crop: z.boolean().default(true),
  crop_size: Square.default(squareOf(224)),
  do_rescale: z.boolean().default(true),
  rescale_factor: z.number().default(1 / 255),
  do_normalize: z.boolean().default(true),
  image_mean: Channels.default([0.48145466, 0.4578275, 0.40821073]),
  image_std: Channels.default([0.26862954, 0.26130258, 0.27577711]),
  use_square_size: only(false),
  image_processor_type: unread(),
  feature_extractor_type: unread(),
  processor_class: unread(),
});
type Config = z.infer<typeof Config>;

function squareOf(side: number) {
  return { height: side, width: side };
}

/**
 * Reads a parsed `preprocessor_config.json` of transformers' CLIPImageProcessor.
 * @param where  names the file in messages
 * @throws ConfigError for another processor, unknown keys and values
 */
export function imageProcessorFromConfig(json: unknown, where: string): ImageProcessor {
  const { image_processor_type, feature_extractor_type } = Object(json);
  const type = String(image_processor_type ?? feature_extractor_type ?? 'CLIPImageProcessor');
  if (!/^CLIP(ImageProcessor(Fast)?|FeatureExtractor)$/.test(type)) {
    throw new ConfigError(`${where}: image_processor_type: expected CLIPImageProcessor, found ${type}`);
  }
  const config = parseConfig(Config, json, where);
  return (picture) => {
    const opaque = withoutAlpha(composeOn(picture));
    const resized = config.do_resize ? resize(opaque, config) : opaque;
    return normalise(config.do_center_crop ? cropCentre(resized, config.crop_size) : resized, config);
  };
}

function withoutAlpha({ data, width, height }: Picture): Raster {
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) rgb.set(data.subarray(4 * i, 4 * i + 3), 3 * i);
  return { data: rgb, width, height, channels: 3 };
}

/** To the given shortest edge, the other one in proportion and rounded down; or to a fixed size. */
function resize(picture: Raster, { size, resample: filter }: Config): Raster {
  if ('height' in size) return resample(picture, size.width, size.height, filter);
  const { width, height } = picture;
  const longest = Math.floor((size.shortest_edge * Math.max(width, height)) / Math.min(width, height));
  return width <= height
    ? resample(picture, size.shortest_edge, longest, filter)
    : resample(picture, longest, size.shortest_edge, filter);
}

/** The middle of the picture; black where it is smaller. */
function cropCentre({ data, width, height }: Raster, crop: { width: number; height: number }): Raster {
  const left = Math.floor((width - crop.width) / 2);
  const top = Math.floor((height - crop.height) / 2);
  const cropped = new Uint8Array(crop.width * crop.height * 3);
  const [from, to] = [Math.max(left, 0), Math.min(left + crop.width, width)];
  for (let y = Math.max(top, 0); y < Math.min(top + crop.height, height); y++) {
    cropped.set(
      data.subarray((y * width + from) * 3, (y * width + to) * 3),
      ((y - top) * crop.width + from - left) * 3,
    );
  }
  return { data: cropped, ...crop, channels: 3 };
}

/** (x·factor − mean)/std of each channel. */
function normalise({ data, width, height }: Raster, config: Config): Tensor {
  const factor = config.do_rescale ? config.rescale_factor : 1;
  const pixels = width * height;
  const output = new Float32Array(3 * pixels);
  for (let channel = 0; channel < 3; channel++) {
    const [mean, std] = config.do_normalize ? [config.image_mean[channel]!, config.image_std[channel]!] : [0, 1];
    for (let i = 0; i < pixels; i++) output[channel * pixels + i] = (data[3 * i + channel]! * factor - mean) / std;
  }
  return tensor(output, [1, 3, height, width]);
}
