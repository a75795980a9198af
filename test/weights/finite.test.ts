import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPrior } from '../../src/engine/runtime/networks/prior.ts';
import { tensor } from '../../src/engine/tensor.ts';
import { expectFinite, NonFiniteWeightError } from '../../src/engine/weights/finite.ts';
import { readSafetensors, readSafetensorsHeader, writeSafetensors } from '../../src/engine/weights/safetensors.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'finite-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** 16-bit words as a file with one tensor. */
async function halves(dtype: 'F16' | 'BF16', words: number[]) {
  const header = JSON.stringify({ w: { dtype, shape: [words.length], data_offsets: [0, 2 * words.length] } });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const path = join(folder, `${dtype}.safetensors`);
  await writeFile(path, Buffer.concat([length, Buffer.from(header), Buffer.from(Uint16Array.from(words).buffer)]));
  return [...(await readSafetensorsHeader(path)).values()];
}

test.each([
  ['F16', 0x7c00, 'Infinity'],
  ['F16', 0xfe01, 'NaN'],
  ['BF16', 0xff80, '-Infinity'],
  ['BF16', 0x7fc0, 'NaN'],
] as const)('%s %i is %s, the largest numbers are not', async (dtype, word, found) => {
  const largest = dtype === 'F16' ? [0x7bff, 0xfbff] : [0x7f7f, 0xff7f];
  await expectFinite(await halves(dtype, [0, ...largest, 0x8001]));
  await expect(expectFinite(await halves(dtype, [...largest, word]))).rejects.toThrow(
    `/w: expected finite numbers, found ${found} in`,
  );
});

test('the last of many numbers is seen', async () => {
  const path = join(folder, 'large.safetensors');
  const data = new Float32Array(3e6).fill(1e38);
  await writeSafetensors(path, new Map([['large', tensor(data, [3e6])]]));
  await expectFinite([...(await readSafetensorsHeader(path)).values()]);
  data[data.length - 1] = Number.NaN;
  await writeSafetensors(path, new Map([['large', tensor(data, [3e6])]]));
  await expect(expectFinite([...(await readSafetensorsHeader(path)).values()])).rejects.toThrow('found NaN');
});

test('a network names its weight: at the first run, or at once what is read at once', async () => {
  const dir = join(folder, 'prior');
  await cp('test/golden/networks/prior', dir, { recursive: true });
  const path = join(dir, 'diffusion_pytorch_model.safetensors');
  const weights = await readSafetensors(path);
  const open = async (name: string) => {
    const changed = new Map(weights);
    const { data, shape } = weights.get(name)!;
    changed.set(name, tensor(data.with(1, Number.NEGATIVE_INFINITY), shape));
    await writeSafetensors(path, changed);
    const prior = await openPrior(dir, { threads: 1 });
    const { embedding_dim: width, num_embeddings: tokens } = prior.config;
    const zeros = (...shape: number[]) => tensor(new Float32Array(shape.reduce((a, b) => a * b)), shape);
    const [sample, textHidden, textMask] = [zeros(1, width), zeros(1, tokens, width), zeros(1, tokens)];
    const memory = await prior.read({ textEmbedding: sample, textHidden, textMask });
    return prior.predict({ sample, timestep: [1], textMask, ...memory });
  };
  await expect(open('proj_in.bias')).rejects.toThrow(NonFiniteWeightError);
  await expect(open('proj_in.bias')).rejects.toThrow(
    'prior/proj_in.bias: expected finite numbers, found -Infinity in prior/diffusion_pytorch_model.safetensors',
  );
  await expect(open('clip_std')).rejects.toThrow('prior/clip_std: expected finite numbers, found -Infinity');
});
