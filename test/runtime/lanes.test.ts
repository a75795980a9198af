import { join } from 'node:path';
import { beforeAll, expect, test, vi } from 'vitest';
import { setup } from '../../bin/setup.mjs';
import { TorchGenerator } from '../../src/engine/random/torch-generator.ts';
import type * as Unets from '../../src/engine/runtime/networks/unets.ts';
import type { RuntimeOptions } from '../../src/engine/runtime/runtime.ts';

vi.setConfig({ testTimeout: 30_000 });

const UNET = join('test', 'golden', 'kandinsky-tiny', 'decoder-model', 'unet');
/** A lane's thread runs what was compiled. */
const COMPILED = new URL('../../dist/src/engine/runtime/networks/unets.js', import.meta.url).href;

let unets: typeof Unets;
beforeAll(async () => {
  await setup();
  unets = await import(COMPILED);
}, 60_000);

async function predict(options: RuntimeOptions, rows: number) {
  const unet = await unets.openUnet(UNET, { threads: 1, ...options });
  const generator = new TorchGenerator(0);
  const { in_channels: channels, encoder_hid_dim: width } = unet.config;
  const inputs = {
    sample: generator.randn([rows, channels, 8, 8]),
    timestep: Array.from({ length: rows }, (_, i) => 100 * i),
    imageEmbedding: generator.randn([rows, width]),
  };
  const predictions = [await unet.predict(inputs), await unet.predict(inputs)];
  await unet.close();
  expect(predictions[1]).toEqual(predictions[0]);
  return predictions[0];
}

test.each([1, 2, 5])('%d rows in two lanes give what they give in one', async (rows) => {
  expect(await predict({ lanes: 2 }, rows)).toEqual(await predict({ lanes: 1 }, rows));
});

test('what fails in a lane is thrown', async () => {
  const unet = await unets.openUnet(UNET, { threads: 1, lanes: 2 });
  const wrong = { sample: { data: new Float32Array(2 * 64), shape: [2, 1, 8, 8] }, timestep: [1, 2] };
  const imageEmbedding = {
    data: new Float32Array(2 * unet.config.encoder_hid_dim),
    shape: [2, unet.config.encoder_hid_dim],
  };
  await expect(unet.predict({ ...wrong, imageEmbedding })).rejects.toThrow(/dimension|shape|Got/i);
  await unet.close();
});
