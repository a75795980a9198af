import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { draw } from '../../src/engine/pipeline/draw.ts';
import { openModel } from '../../src/engine/pipeline/open-model.ts';
import { recipesFor } from '../../src/engine/pipeline/recipes.ts';
import { hasByteProducts } from '../../src/engine/processor.ts';
import { calibrateModel } from '../../src/engine/quantisation/calibrate.ts';
import { Calibration } from '../../src/engine/quantisation/calibration.ts';
import { comparePrecisions } from '../../src/engine/quantisation/compare-precisions.ts';
import { choosePrecision } from '../../src/engine/quantisation/precision.ts';
import { TorchGenerator } from '../../src/engine/random/torch-generator.ts';
import { openUnet } from '../../src/engine/runtime/networks/unets.ts';
import type { RuntimeOptions } from '../../src/engine/runtime/runtime.ts';
import { concatRows, rows, type Tensor } from '../../src/engine/tensor.ts';
import { readSafetensorsHeader } from '../../src/engine/weights/safetensors.ts';
import { InputError } from '../../src/errors.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const INT8 = { precision: 'int8' } as const;
const HEART = { operation: 'imagine', prompt: 'red heart' } as const;

let dir: string;
let model: string;
let written: string[];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-int8-'));
  vi.stubEnv('XDG_CACHE_HOME', join(dir, 'cache'));
  model = join(dir, 'model');
  await cp('test/golden/kandinsky-tiny', model, { recursive: true });
  written = await calibrateModel(model, { runtime: { threads: 1 }, pictures: 2, steps: 3 });

  await cp(join(model, 'decoder-model', 'unet'), unetFolder(), { recursive: true });
  const calibration = new Calibration();
  await predict({ calibration }, 3);
  await calibration.write();
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true });
});

const unetFolder = () => join(dir, 'unet');
const cached = () => readdir(join(dir, 'cache', 'unclip-discord', 'int8'));

async function predict(options: RuntimeOptions, batch: number): Promise<Tensor> {
  const unet = await openUnet(unetFolder(), { threads: 1, ...options });
  const { in_channels: channels, encoder_hid_dim: width } = unet.config;
  const generator = new TorchGenerator(0);
  const inputs = Array.from({ length: 3 }, () => ({
    sample: generator.randn([1, channels, 8, 8]),
    imageEmbedding: generator.randn([1, width]),
  })).slice(0, batch);
  const prediction = await unet.predict({
    sample: concatRows(inputs.map(({ sample }) => sample)),
    timestep: [900, 400, 20].slice(0, batch),
    imageEmbedding: concatRows(inputs.map(({ imageEmbedding }) => imageEmbedding)),
  });
  await unet.close();
  return prediction;
}

const norm = (values: Iterable<number>) => Math.hypot(...values);

test('ranges are noted beside the weights of what draws: prior, U-Net and MoVQ', () => {
  expect(written.map((path) => path.slice(model.length + 1)).sort()).toEqual([
    'decoder-model/movq/int8.json',
    'decoder-model/unet/int8.json',
    'prior-model/prior/int8.json',
  ]);
});

test('what the U-Net predicts with integers is near to what it predicts in float32, and not the same', async () => {
  const [exact, rounded] = [await predict({}, 3), await predict(INT8, 3)];
  const error = norm(exact.data.map((x, i) => x - rounded.data[i]!)) / norm(exact.data);
  expect(error).toBeGreaterThan(1e-4);
  // elsewhere weights have 7 bits
  expect(error).toBeLessThan(hasByteProducts() ? 0.05 : 0.08);
});

test('a row gives the same alone and in a batch, bit for bit', async () => {
  expect((await predict(INT8, 1)).data).toEqual(rows(await predict(INT8, 3), 0, 1).data);
});

test('8-bit weights are written to the cache once, and the model stays as it was', async () => {
  const before = await readdir(unetFolder());
  await predict(INT8, 1);
  const files = await cached();
  await predict(INT8, 1);
  expect(await cached()).toEqual(files);
  expect(await readdir(unetFolder())).toEqual(before);
  const headers = await Promise.all(
    files.map((file) => readSafetensorsHeader(join(dir, 'cache', 'unclip-discord', 'int8', file))),
  );
  const dtypes = headers.map((tensors) => tensors.get('mid_block.resnets.0.conv1.weight')?.dtype);
  expect(dtypes).toContain('I8');
});

test('pictures of both precisions are alike to CLIP, and equal when drawn again', async () => {
  const { samePicture } = await comparePrecisions(model, { prompts: ['red heart'], steps: 3, runtime: { threads: 1 } });
  expect(samePicture).toBeGreaterThan(0.9);
  expect(samePicture).toBeLessThanOrEqual(1 + 1e-6);

  const int8 = await openModel(model, { threads: 1, precision: 'int8' });
  const once = async (count: number) =>
    (await draw(int8, recipesFor(int8, HEART, { seed: 5, steps: 2, count }))).images[0]!.data;
  expect(await once(3)).toEqual(await once(1));
  await int8.close();
});

test('auto and int8 take int8 where a model was calibrated; float32 is float32', async () => {
  expect(await choosePrecision(model, 'float32')).toEqual({ precision: 'float32' });
  expect(await choosePrecision(model, 'int8')).toEqual({ precision: 'int8' });
  const { precision, reason } = await choosePrecision(model, 'auto');
  if (precision === 'float32') expect(reason).toContain('processor');
});

test('a model that was not calibrated is refused in int8, and runs in float32 by itself', async () => {
  const golden = 'test/golden/kandinsky-tiny';
  await expect(choosePrecision(golden, 'int8')).rejects.toThrow(InputError);
  await expect(choosePrecision(golden, 'int8')).rejects.toThrow(`npm run models -- quantize ${golden}`);
  expect(await choosePrecision(golden, 'auto')).toMatchObject({
    precision: 'float32',
    reason: expect.stringContaining('not calibrated'),
  });
});

test('ranges of other weights are not used', async () => {
  const other = join(dir, 'retrained');
  await cp(model, other, { recursive: true });
  const file = (await readdir(join(other, 'decoder-model', 'unet'))).find((name) => name.endsWith('.safetensors'))!;
  const path = join(other, 'decoder-model', 'unet', file);
  const [first] = [...(await readSafetensorsHeader(path)).values()];
  const bytes = await readFile(path);
  bytes[first!.offset] = bytes[first!.offset]! ^ 1;
  await writeFile(path, bytes);

  await expect(openModel(other, { precision: 'int8' })).rejects.toThrow(/int8\.json: measured with other weights/);
  await expect(choosePrecision(other, 'int8')).rejects.toThrow(/other weights/);
  expect(await choosePrecision(other, 'auto')).toMatchObject({ precision: 'float32' });
});

test('ranges that do not fit the weights are named by their layer', async () => {
  const other = join(dir, 'misfit');
  await cp(model, other, { recursive: true });
  const path = join(other, 'decoder-model', 'unet', 'int8.json');
  const ranges = JSON.parse(await readFile(path, 'utf8'));
  ranges.layers['mid_block.resnets.0.conv1'].output.pop();
  await writeFile(path, JSON.stringify(ranges));
  await expect(openModel(other, { precision: 'int8' })).rejects.toThrow(
    /int8\.json: mid_block\.resnets\.0\.conv1: expected ranges of \d+ channels/,
  );
});

test('a damaged file of ranges is named', async () => {
  const other = join(dir, 'damaged');
  await cp(model, other, { recursive: true });
  await writeFile(join(other, 'decoder-model', 'unet', 'int8.json'), '{"version": 2');
  await expect(openModel(other, { precision: 'int8' })).rejects.toThrow('unet/int8.json: expected JSON');
});
