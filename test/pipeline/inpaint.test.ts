import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { latentMask } from '../../src/engine/pipeline/inpaint.ts';
import { encodePicture, type Kandinsky, openKandinsky } from '../../src/engine/pipeline/kandinsky.ts';
import { type DecoderRequest, sampleDecoder } from '../../src/engine/pipeline/sample-decoder.ts';
import { TorchGenerator } from '../../src/engine/random/torch-generator.ts';
import { openUnet } from '../../src/engine/runtime/networks/unets.ts';
import { concatRows, type Tensor, tensor } from '../../src/engine/tensor.ts';

/** (H, W), 1 at the given pixels. */
function drawn(height: number, width: number, ...pixels: [y: number, x: number][]): Tensor {
  const data = new Float32Array(height * width);
  for (const [y, x] of pixels) data[y * width + x] = 1;
  return tensor(data, [height, width]);
}

const lines = ({ data, shape }: Tensor) =>
  Array.from({ length: shape[2]! }, (_, y) => [...data.subarray(y * shape[3]!, (y + 1) * shape[3]!)].join(''));

test('a mask grows as it does in diffusers', () => {
  const spots = drawn(10, 12, [4, 5], [4, 6], [5, 5], [5, 6], [9, 11], [0, 0]);
  expect(lines(latentMask(spots, 10, 12))).toEqual([
    '001111111111',
    '001111111111',
    '111111111111',
    '111100011111',
    '111100001111',
    '111100001111',
    '111110001111',
    '111111111111',
    '111111111100',
    '111111111100',
  ]);
  expect(latentMask(drawn(4, 4), 2, 2).data).toEqual(new Float32Array(4).fill(1));
  // of the four pixels of a latent, the upper left one counts
  expect(lines(latentMask(drawn(4, 4, [2, 2]), 2, 2))).toEqual(['00', '00']);
  expect(lines(latentMask(drawn(4, 4, [3, 3]), 2, 2))).toEqual(['11', '11']);
});

describe('Kandinsky', () => {
  let model: Kandinsky;
  beforeAll(async () => {
    model = await openKandinsky('test/golden/kandinsky-tiny', { threads: 1 });
  });
  afterAll(() => model.close());

  const picture = {
    data: new Uint8Array(4 * 64 * 64).map((_, i) => (i % 4 === 3 ? 255 : i * 7)),
    width: 64,
    height: 64,
  };
  const embedding = tensor(new Float32Array(32).fill(0.1), [1, 32]);
  const usual = (): DecoderRequest => ({
    imageEmbedding: embedding,
    negativeEmbedding: embedding,
    height: 64,
    width: 64,
    scheduler: model.scheduler,
    steps: 4,
    guidanceScale: 2,
    generator: new TorchGenerator(1),
  });
  const decode = (changes: Partial<DecoderRequest>) => sampleDecoder(model, { ...usual(), ...changes });

  test.each(['ddpm', 'euler-ancestral', 'dpmpp-2m', 'heun'] as const)(
    'what is kept stays to the last bit with %s, what is not is drawn',
    async (sampler) => {
      const latents = await encodePicture(model, picture, 64, 64);
      const mask = latentMask(drawn(64, 64, [20, 20]), 8, 8);
      const scheduler = model.scheduler.withSampler(sampler);
      const drawing = await decode({ kept: { latents, mask }, scheduler });
      const changed = drawing.data.map((value, i) => (value === latents.data[i] ? 0 : 1));
      expect([...changed]).toEqual([...concatRows([mask, mask, mask, mask]).data].map((kept) => 1 - kept));
    },
  );

  test('the less strength, the more of the picture is left', async () => {
    const sample = await encodePicture(model, picture, 64, 64);
    const scheduler = model.scheduler.withSampler('ddim');
    const distance = async (strength: number) => {
      const { data } = await decode({ origin: { sample, strength }, steps: 20, scheduler });
      return Math.hypot(...data.map((value, i) => value - sample.data[i]!));
    };
    expect(await distance(0.05)).toBeLessThan((await distance(0.3)) / 2);
    await expect(distance(0.01)).rejects.toThrow('strength 0.01 leaves none of 20 steps: expected at least 0.05');
  });

  test('a U-Net for inpainting draws a whole picture where nothing is kept', async () => {
    const unet = await openUnet('test/golden/kandinsky-tiny/inpaint-unet', { threads: 1 });
    const mask = tensor(new Float32Array(64), [1, 1, 8, 8]);
    const kept = { latents: await encodePicture(model, picture, 64, 64), mask };
    const whole = await sampleDecoder({ ...model, unet }, usual());
    const masked = await sampleDecoder({ ...model, unet }, { ...usual(), kept });
    expect(whole).toBeAllClose(masked, { atol: 1e-5 });
    await unet.close();
  });

  test('a picture in sizes that the networks cannot halve is refused', () => {
    expect(() => encodePicture(model, picture, 64, 72)).toThrow(
      'width and height must be multiples of 16, not 72 × 64',
    );
  });
});
