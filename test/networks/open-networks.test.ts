import { expect, test } from 'vitest';
import { openClipText } from '../../src/engine/runtime/networks/clip.ts';
import { openMovq } from '../../src/engine/runtime/networks/movq.ts';
import { openPrior } from '../../src/engine/runtime/networks/prior.ts';
import { openUnet } from '../../src/engine/runtime/networks/unets.ts';
import { concatRows, rows, type Tensor, tensor } from '../../src/engine/tensor.ts';
import { readSafetensors } from '../../src/engine/weights/safetensors.ts';

const GOLDEN = 'test/golden/networks';
const ONE_THREAD = { threads: 1 };

test('rows at different timesteps do not touch each other', async () => {
  const expected = await readSafetensors(`${GOLDEN}/unet-kandinsky/expected.safetensors`);
  const [sample, imageEmbedding] = [expected.get('in.sample')!, expected.get('in.image_embeds')!];
  const unet = await openUnet(`${GOLDEN}/unet-kandinsky`, ONE_THREAD);
  const row = (i: number, timestep: number) =>
    unet.predict({
      sample: rows(sample, i, i + 1),
      timestep: [timestep],
      imageEmbedding: rows(imageEmbedding, i, i + 1),
    });
  const together = await unet.predict({ sample, timestep: [999, 3], imageEmbedding });
  expect(together).toBeAllClose(concatRows([await row(0, 999), await row(1, 3)]), { atol: 1e-5 });
  await unet.close();
});

test('pictures need not be square, and sizes may change from run to run', async () => {
  const movq = await openMovq(`${GOLDEN}/movq-spatial`, ONE_THREAD);
  for (const [height, width] of [
    [16, 16],
    [8, 24],
  ] as const) {
    const latents = await movq.encode(noise(1, 3, height, width));
    expect(latents.shape).toEqual([1, 4, height / 2, width / 2]);
    expect((await movq.decode(latents)).shape).toEqual([1, 3, height, width]);
  }
  await movq.close();
});

test('quantising gives vectors of the codebook, and those stay as they are', async () => {
  const movq = await openMovq(`${GOLDEN}/vq-group`, ONE_THREAD);
  const quantized = await movq.quantize(noise(2, 4, 3, 3));
  expect(await movq.quantize(quantized)).toEqual(quantized);
});

test('padding after the end of a text changes nothing before it', async () => {
  const text = await openClipText(`${GOLDEN}/clip-text`, ONE_THREAD);
  const short = await text.encode([[998, 5, 6, 999]]);
  const padded = await text.encode([[998, 5, 6, 999, 999, 999]]);
  expect(padded.embedding).toBeAllClose(short.embedding, { atol: 1e-5 });
  await text.close();
});

test('a closed network loads again when it is used', async () => {
  const text = await openClipText(`${GOLDEN}/clip-text`, ONE_THREAD);
  const ids = [[998, 5, 6, 999]];
  const before = await text.encode(ids);
  await text.close();
  await text.close();
  expect(await text.encode(ids)).toEqual(before);
  await text.close();
});

test('what no network can take is refused with a reason', async () => {
  const unet = await openUnet(`${GOLDEN}/unet-kandinsky`, ONE_THREAD);
  const odd = unet.predict({ sample: noise(1, 4, 8, 7), timestep: [1], imageEmbedding: noise(1, 32) });
  await expect(odd).rejects.toThrow(
    'unet-kandinsky: sample: expected height and width in multiples of 2, found (1, 4, 8, 7)',
  );
  const text = await openClipText(`${GOLDEN}/clip-text`, ONE_THREAD);
  await expect(text.encode([Array(78).fill(1)])).rejects.toThrow(
    'clip-text: expected texts of one length up to 77, found 78',
  );
  await expect(text.encode([[1, 2], [3]])).rejects.toThrow(
    'clip-text: expected texts of one length up to 77, found 2, 1',
  );
});

function noise(...shape: number[]): Tensor {
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i * i));
  return tensor(data, shape);
}

test.each(['prior', 'prior-other-keys'])(
  '%s: having read the text once it predicts what the reference predicts from all at once',
  async (name) => {
    const expected = await readSafetensors(`${GOLDEN}/${name}/expected.safetensors`);
    const get = (key: string) => expected.get(key)!;
    const reference = tensor(get('out.predicted_image_embedding').data, get('in.proj_embedding').shape);
    const prior = await openPrior(`${GOLDEN}/${name}`, ONE_THREAD);
    const textMask = get('in.attention_mask');
    const text = { textEmbedding: get('in.proj_embedding'), textHidden: get('in.encoder_hidden_states'), textMask };
    const memory = await prior.read(text);
    for (let time = 0; time < 2; time++) {
      const step = { sample: get('in.hidden_states'), timestep: [...get('in.timestep').data], textMask };
      expect(await prior.predict({ ...step, ...memory })).toBeAllClose(reference, {
        atol: 1e-5,
        rtol: 1e-4,
      });
    }
    await prior.close();
  },
);
