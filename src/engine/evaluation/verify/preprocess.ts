import { readFile } from 'node:fs/promises';
import { parse } from 'node:path';
import { z } from 'zod';
import { imageProcessorFromConfig } from '../../images/clip-image-processor.ts';
import { decodePicture } from '../../images/decode-picture.ts';
import { type Tensor, tensor } from '../../tensor.ts';
import type { Check } from './check.ts';

const Cases = z.object({
  cases: z.array(z.object({ file: z.string(), size: z.int().positive(), every: z.int().positive() })),
});

/** CLIPImageProcessor with OpenAI's mean and deviation, on pictures of many shapes. */
export const preprocess: Check = {
  name: 'preprocess',

  recognises: (folder) => folder.hasCasesWith('file', 'size', 'every'),

  async run(folder, comparison) {
    const { cases } = await folder.parse('case.json', Cases);
    for (const { file, size, every } of cases) {
      const name = `${parse(file).name}.${size}`;
      try {
        const picture = await decodePicture(await readFile(folder.file(file)), file);
        const pixels = imageProcessorFromConfig({ size, crop_size: size }, name)(picture);
        comparison.compare(name, takeEvery(pixels, every), { max: 2e-2, mean: 1e-3 });
      } catch (error) {
        comparison.fail(name, (error as Error).message);
      }
    }
  },
};

/** Every nth row and column: (1, 3, H, W) → (3, ⌈H/n⌉, ⌈W/n⌉). */
function takeEvery({ data, shape }: Tensor, step: number): Tensor {
  const [, channels, height, width] = shape as [number, number, number, number];
  const [rows, columns] = [Math.ceil(height / step), Math.ceil(width / step)];
  const taken = Float32Array.from({ length: channels * rows * columns }, (_, i) => {
    const [channel, y, x] = [Math.floor(i / (rows * columns)), Math.floor(i / columns) % rows, i % columns];
    return data[(channel * height + y * step) * width + x * step]!;
  });
  return tensor(taken, [channels, rows, columns]);
}
