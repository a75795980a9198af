import { describe, expect, test } from 'vitest';
import { imageProcessorFromConfig } from '../../src/engine/images/clip-image-processor.ts';
import { InputError } from '../../src/errors.ts';

const where = 'image_processor/preprocessor_config.json';
const open = (config: object) => imageProcessorFromConfig(config, where);
/** (x, y) → grey */
const grey = (width: number, height: number, value: (x: number, y: number) => number, alpha = 255) => ({
  width,
  height,
  data: Uint8Array.from(
    Array.from({ length: width * height }, (_, i) => {
      const v = value(i % width, Math.floor(i / width));
      return [v, v, v, alpha];
    }).flat(),
  ),
});
const plain = { do_normalize: false, do_rescale: false };

describe('imageProcessorFromConfig', () => {
  test('resizes the shortest edge and takes the middle', () => {
    // a bright bar in the middle third survives the crop, what's outside doesn't
    const picture = grey(90, 30, (x) => (x >= 30 && x < 60 ? 200 : 0));
    const { data, shape } = open({ size: { shortest_edge: 10 }, crop_size: 10, ...plain })(picture);
    expect(shape).toEqual([1, 3, 10, 10]);
    expect(data.slice(2, 8)).toBeAllClose(new Float32Array(6).fill(200), { atol: 0 });
  });

  test('rescales, then subtracts the mean and divides by the deviation, channel by channel', () => {
    const config = { size: 1, crop_size: 1, image_mean: [0.5, 0, 1], image_std: [0.5, 1, 2] };
    expect(open(config)(grey(4, 4, () => 255)).data).toBeAllClose([1, 1, 0], { atol: 1e-6 });
  });

  test('composes what is transparent on white', () => {
    expect([...open({ size: 1, crop_size: 1, ...plain })(grey(2, 2, () => 0, 0)).data]).toEqual([255, 255, 255]);
  });

  test('a picture smaller than the crop lies in the middle of black', () => {
    const { data } = open({ do_resize: false, crop_size: { height: 3, width: 4 }, ...plain })(grey(2, 1, () => 9));
    expect([...data.slice(0, 12)]).toEqual([0, 0, 0, 0, 0, 9, 9, 0, 0, 0, 0, 0]);
  });

  test('older files, with numbers for sizes and the old class name', () => {
    const { shape } = open({ feature_extractor_type: 'CLIPFeatureExtractor', size: 6, crop_size: 6 })(
      grey(9, 7, () => 1),
    );
    expect(shape).toEqual([1, 3, 6, 6]);
  });

  test.each([
    [{ image_processor_type: 'ViTImageProcessor' }, 'expected CLIPImageProcessor, found ViTImageProcessor'],
    [{ do_flip: true }, 'do_flip: expected no such key, found true'],
    [{ resample: 4 }, 'resample'],
    [{ size: { longest_edge: 3 } }, 'size'],
    [{ image_mean: [0.5] }, 'image_mean'],
  ])('refuses %j', (config, message) => {
    expect(() => open(config)).toThrow(InputError);
    expect(() => open(config)).toThrow(message);
    expect(() => open(config)).toThrow(where);
  });
});
