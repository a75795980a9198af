import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { downloadModel } from '../../src/engine/models/download.ts';
import { HubError } from '../../src/engine/models/hub.ts';
import { type HubServerOptions, startHub } from './hub-server.ts';

const REPOSITORY = 'someone/tiny-decoder';
const COMMIT = 'c0ffee'.padEnd(40, '0');
const random = (size: number, seed: number) =>
  Buffer.from(Array.from({ length: size }, (_, i) => (i * (seed + 7919) * 31 + (i >> 3)) % 251));

const FILES = {
  'README.md': Buffer.from('# tiny'),
  'model_index.json': Buffer.from(
    JSON.stringify({
      _class_name: 'KandinskyV22Pipeline',
      unet: ['diffusers', 'UNet2DConditionModel'],
      movq: ['diffusers', 'VQModel'],
      scheduler: ['diffusers', 'DDPMScheduler'],
      safety_checker: [null, null],
    }),
  ),
  'unet/config.json': Buffer.from('{"a": 1}'),
  'unet/diffusion_pytorch_model.safetensors': random(300_000, 1),
  'unet/diffusion_pytorch_model.fp16.safetensors': random(150_000, 2),
  'unet/diffusion_pytorch_model.bin': random(1000, 3),
  'movq/config.json': Buffer.from('{}'),
  'movq/diffusion_pytorch_model-00001-of-00002.safetensors': random(5000, 4),
  'movq/diffusion_pytorch_model-00002-of-00002.safetensors': random(5000, 5),
  'movq/diffusion_pytorch_model.safetensors.index.json': Buffer.from('{"weight_map": {}}'),
  'scheduler/scheduler_config.json': Buffer.from('{"b": 2}'),
  'safety_checker/model.safetensors': random(1000, 6),
  'tiny.ckpt': random(1000, 7),
};
const UNET = 'unet/diffusion_pytorch_model.safetensors';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'download-'));
});
afterAll(() => rm(root, { recursive: true }));

const folder = () => mkdtemp(join(root, 'models-'));

async function hub(options: Partial<HubServerOptions> = {}) {
  const isLarge = (path: string) => path.endsWith('.safetensors');
  return startHub({ repository: REPOSITORY, commit: COMMIT, files: FILES, isLarge, ...options });
}

const expectSame = async (path: string, expected: Buffer) => expect(expected.equals(await readFile(path))).toBe(true);

async function filesIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(dir.length + 1))
    .sort();
}

async function refusal(options: Partial<HubServerOptions>, request: Parameters<typeof downloadModel>[2] = {}) {
  const server = await hub(options);
  const parent = await folder();
  const error = await downloadModel(REPOSITORY, parent, { endpoint: server.endpoint, ...request }).catch(
    (e: unknown) => e,
  );
  await server.close();
  expect(error).toBeInstanceOf(HubError);
  return { message: (error as HubError).message.replaceAll(server.endpoint, 'HUB'), parent };
}

test('what a model needs is fetched, and nothing else; the progress ends where it should', async () => {
  const server = await hub();
  const parent = await folder();
  const seen: [number, number][] = [];
  const { dir, commit, bytes } = await downloadModel(REPOSITORY, parent, {
    endpoint: server.endpoint,
    onProgress: (_, done, total) => seen.push([done, total]),
  });
  await server.close();
  expect(dir).toBe(join(parent, 'tiny-decoder'));
  expect(commit).toBe(COMMIT);
  expect(await filesIn(dir)).toEqual([
    'README.md',
    'model_index.json',
    'movq/config.json',
    'movq/diffusion_pytorch_model-00001-of-00002.safetensors',
    'movq/diffusion_pytorch_model-00002-of-00002.safetensors',
    'movq/diffusion_pytorch_model.safetensors.index.json',
    'scheduler/scheduler_config.json',
    'unet/config.json',
    UNET,
  ]);
  for (const path of await filesIn(dir)) {
    await expectSame(join(dir, path), FILES[path as keyof typeof FILES]);
  }
  expect(seen.at(-1)).toEqual([bytes, bytes]);
});

test('a variant is taken where there is one', async () => {
  const server = await hub();
  const { dir } = await downloadModel(REPOSITORY, await folder(), { endpoint: server.endpoint, variant: 'fp16' });
  await server.close();
  const weights = (await filesIn(dir)).filter((path) => path.endsWith('.safetensors'));
  expect(weights).toEqual([
    'movq/diffusion_pytorch_model-00001-of-00002.safetensors',
    'movq/diffusion_pytorch_model-00002-of-00002.safetensors',
    'unet/diffusion_pytorch_model.fp16.safetensors',
  ]);
});

test('a connection that is cut is taken up where it ended', async () => {
  const server = await hub({ cutAfter: (path) => (path === UNET ? 200_000 : undefined) });
  const { dir } = await downloadModel(REPOSITORY, await folder(), { endpoint: server.endpoint });
  await server.close();
  await expectSame(join(dir, UNET), FILES[UNET]);
  const ranges = server.requests.filter(({ path }) => path === UNET).map(({ range }) => range);
  expect(ranges[0]).toBeUndefined();
  expect(ranges[1]).toMatch(/^bytes=[1-9]\d*-$/);
});

describe('a download that was ended', () => {
  const part = async (parent: string) => (await filesIn(parent)).find((path) => path.endsWith('.part')) ?? 'none';

  async function endedDownload() {
    const server = await hub({ cutAfter: (path) => (path === UNET ? 100_000 : undefined) });
    const parent = await folder();
    const stop = new AbortController();
    const done = downloadModel(REPOSITORY, parent, {
      endpoint: server.endpoint,
      signal: stop.signal,
      onProgress: (file, bytes) => {
        if (file === UNET && bytes > 90_000) stop.abort();
      },
    });
    await expect(done).rejects.toThrow();
    await server.close();
    return parent;
  }

  test('leaves no model, and goes on from its part; what is whole is not fetched again', async () => {
    const parent = await endedDownload();
    expect(await filesIn(parent)).not.toContain('tiny-decoder/model_index.json');
    const { size } = await stat(join(parent, await part(parent)));
    expect(size).toBeGreaterThan(0);
    const server = await hub();
    const { dir } = await downloadModel(REPOSITORY, parent, { endpoint: server.endpoint });
    await server.close();
    await expectSame(join(dir, UNET), FILES[UNET]);
    expect(server.requests).toContainEqual({ path: UNET, range: `bytes=${size}-` });
    expect(server.requests.map(({ path }) => path)).not.toContain('unet/config.json');
    expect(await part(parent)).toBe('none');
  });

  test('begins again on a server that knows no ranges', async () => {
    const parent = await endedDownload();
    const server = await hub({ ignoresRanges: true });
    const { dir, bytes } = await downloadModel(REPOSITORY, parent, {
      endpoint: server.endpoint,
      onProgress: (_, done, total) => expect(done).toBeLessThanOrEqual(total),
    });
    await server.close();
    expect(bytes).toBeGreaterThan(0);
    await expectSame(join(dir, UNET), FILES[UNET]);
  });
});

test('a file that changed since is fetched again', async () => {
  const server = await hub();
  const parent = await folder();
  const { dir } = await downloadModel(REPOSITORY, parent, { endpoint: server.endpoint });
  const changed = Buffer.from(FILES[UNET]);
  changed[5] = changed[5]! ^ 1;
  await writeFile(join(dir, UNET), changed);
  server.requests.length = 0;
  await downloadModel(REPOSITORY, parent, { endpoint: server.endpoint });
  await server.close();
  expect(server.requests.map(({ path }) => path)).toEqual(['model_index.json', UNET]);
  await expectSame(join(dir, UNET), FILES[UNET]);
});

describe('refused', () => {
  test('a wrong checksum: what came is deleted', async () => {
    const corrupt = (path: string) => (path === UNET ? random(FILES[UNET].length, 9) : undefined);
    const { message, parent } = await refusal({ corrupt });
    expect(message).toMatch(
      /tiny-decoder\/resolve\/c0ffee0+\/unet\/diffusion_pytorch_model\.safetensors: expected sha256 \w{64}, found another/,
    );
    expect((await filesIn(parent)).filter((path) => path.includes('unet/diffusion'))).toEqual([]);
  });

  test('no access, no such repository, no such revision', async () => {
    expect((await refusal({ token: 'hf_right' })).message).toBe(
      `HUB/${REPOSITORY}: not found, or private (status 401): set HF_TOKEN to a token that may read it`,
    );
    expect((await refusal({ token: 'hf_right' }, { token: 'hf_wrong' })).message).toContain(
      'the token in HF_TOKEN is not good',
    );
    expect((await refusal({ status: 403 })).message).toContain('access is refused (status 403): accept its terms');
    expect((await refusal({ status: 404 })).message).toContain('not found (status 404): check the name');
    expect((await refusal({}, { revision: 'v9' })).message).toBe(
      `HUB/${REPOSITORY} at revision v9: not found (status 404): check the name and the revision`,
    );
  });

  test('what is no repository, no model, of another family, or has no safetensors', async () => {
    await expect(downloadModel('tiny-decoder', root)).rejects.toThrow(
      'expected a repository as owner/name, found tiny-decoder',
    );
    const { 'model_index.json': index, ...others } = FILES;
    expect((await refusal({ files: others })).message).toContain('expected a model_index.json');
    const other = Buffer.from('{"_class_name": "StableDiffusionPipeline"}');
    const server = await hub({ files: { ...FILES, 'model_index.json': other } });
    await expect(downloadModel(REPOSITORY, await folder(), { endpoint: server.endpoint })).rejects.toThrow(
      /_class_name: expected Kandinsky.*, found StableDiffusionPipeline/,
    );
    await server.close();
    const { [UNET]: _, 'unet/diffusion_pytorch_model.fp16.safetensors': __, ...binaries } = FILES;
    expect((await refusal({ files: { ...binaries, 'model_index.json': index } })).message).toBe(
      `${REPOSITORY}/unet: expected weights as safetensors, found diffusion_pytorch_model.bin`,
    );
  });

  test('a Hub that is not there', async () => {
    const server = await hub();
    await server.close();
    await expect(downloadModel(REPOSITORY, root, { endpoint: server.endpoint })).rejects.toThrow(
      /^http:\/\/127\.0\.0\.1:\d+ can't be reached: .*ECONNREFUSED/,
    );
  });
});

test('a token opens what is private, at a tag', async () => {
  const server = await hub({ token: 'hf_right' });
  const request = { endpoint: server.endpoint, token: 'hf_right', revision: 'v1' };
  expect((await downloadModel(REPOSITORY, await folder(), request)).commit).toBe(COMMIT);
  await server.close();
});
