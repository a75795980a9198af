import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { findCompiler } from '../../src/engine/training/setup/addon.ts';
import { chooseDevice } from '../../src/engine/training/setup/device.ts';
import { isSetUp, setup } from '../../src/engine/training/setup/setup.ts';
import { downloadWheel, LINUX, unpack } from '../../src/engine/training/setup/wheel.ts';
import { loadTensorFlow, TensorFlowMissingError } from '../../src/engine/training/tensorflow.ts';

const WHEEL = { project: 'tensorflow-cpu', version: '2.15.1', tag: LINUX };
const FILE = 'tensorflow_cpu-2.15.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl';
const FIXTURE = join(import.meta.dirname, 'fixtures', FILE);

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-setup-'));
  vi.stubEnv('XDG_CACHE_HOME', dir);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true, force: true });
});

/** A machine on which only these programs are found; each is a shell script. */
async function onlyPrograms(scripts: Record<string, string>): Promise<void> {
  const bin = await mkdtemp(join(dir, 'bin-'));
  await symlink('/bin/sh', join(bin, 'sh'));
  for (const [name, script] of Object.entries(scripts)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  vi.stubEnv('PATH', bin);
  vi.stubEnv('CXX', '');
}

/** A package index with the fixture, PEP 691. */
async function withIndex(sha256: string, use: (index: string) => Promise<void>): Promise<void> {
  const bytes = await readFile(FIXTURE);
  const server = createServer((request, response) => {
    if (request.url === '/simple/tensorflow-cpu/') {
      const other = { filename: FILE.replace('cp311-cp311', 'cp39-cp39'), url: 'other.whl', hashes: {} };
      response.setHeader('content-type', 'application/vnd.pypi.simple.v1+json');
      response.end(
        JSON.stringify({ files: [other, { filename: FILE, url: `../../files/${FILE}`, hashes: { sha256 } }] }),
      );
    } else if (request.url === `/files/${FILE}`) response.end(bytes);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await use(`http://127.0.0.1:${port}/simple`).finally(() => server.close());
}

test('without pip the wheel comes from the index that PIP_INDEX_URL names', async () => {
  await onlyPrograms({});
  const sha256 = createHash('sha256')
    .update(await readFile(FIXTURE))
    .digest('hex');
  await withIndex(sha256, async (index) => {
    vi.stubEnv('PIP_INDEX_URL', index);
    const path = await downloadWheel(WHEEL, join(dir, 'download'));
    expect(basename(path)).toBe(FILE);
    expect((await readFile(path)).equals(await readFile(FIXTURE))).toBe(true);
  });
  // it is there now, so that nothing is asked for again
  expect(basename(await downloadWheel(WHEEL, join(dir, 'download')))).toBe(FILE);
});

test('a download that is not what the index describes is thrown away', async () => {
  await onlyPrograms({});
  await withIndex('0'.repeat(64), async (index) => {
    vi.stubEnv('PIP_INDEX_URL', index);
    await expect(downloadWheel(WHEEL, join(dir, 'download'))).rejects.toThrow(/not the one the index describes/);
    expect(await readdir(join(dir, 'download'))).toEqual([]);
    await expect(downloadWheel({ ...WHEEL, version: '9.9' }, dir)).rejects.toThrow(/has no tensorflow_cpu-9\.9/);
  });
});

test("pip's own words are passed on when it fails", async () => {
  await onlyPrograms({ pip: '[ "$1" = --version ] || { echo "no matching distribution"; exit 1; }' });
  await expect(downloadWheel(WHEEL, dir)).rejects.toThrow(/pip could not download.*\nno matching distribution/);
});

test('with neither pip nor an index it says how to get the wheel', async () => {
  await onlyPrograms({});
  vi.stubEnv('PIP_INDEX_URL', '');
  await expect(downloadWheel(WHEEL, dir)).rejects.toThrow(/pip must be installed.*PIP_INDEX_URL.*put its file/);
});

test('of a wheel only what is asked for is unpacked, and a file that is none is refused', async () => {
  await unpack(FIXTURE, (entry) => (entry.endsWith('.so.2') ? join(dir, 'lib', basename(entry)) : undefined));
  expect((await readdir(join(dir, 'lib'))).sort()).toEqual(['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2']);
  expect(await readFile(join(dir, 'lib', 'libtensorflow_framework.so.2'), 'utf8')).toBe('framework');
  await writeFile(join(dir, 'text.whl'), 'no archive');
  await expect(unpack(join(dir, 'text.whl'), () => undefined)).rejects.toThrow(
    /text\.whl cannot be read as a zip archive/,
  );
});

test('without a compiler it says how to get one', async () => {
  await onlyPrograms({});
  await expect(findCompiler()).rejects.toThrow(/C\+\+ compiler is needed.*apt-get install g\+\+/);
});

test('the GPU is chosen where driver and libraries are there, else the reason is given', async () => {
  const driver = 'echo "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1)"';
  await onlyPrograms({});
  expect(await chooseDevice()).toMatchObject({ device: 'cpu', reason: expect.stringContaining('no NVIDIA GPU') });
  await onlyPrograms({ 'nvidia-smi': driver, ldconfig: 'echo "libcudart.so.12 libcublas.so.12"' });
  expect(await chooseDevice()).toEqual({
    device: 'cpu',
    reason:
      'GPU 0: NVIDIA H100 80GB HBM3 is there, but the linker does not find libcudnn.so.8 (CUDA 12.2 and cuDNN 8.9)',
  });
  await onlyPrograms({ 'nvidia-smi': driver, ldconfig: 'echo "libcudart.so.12 libcublas.so.12 libcudnn.so.8"' });
  expect(await chooseDevice()).toMatchObject({ device: 'gpu' });
});

test.runIf(process.platform === 'linux' && process.arch === 'x64')(
  'all steps, with stand-ins for npm and the compiler; called again there is nothing to do',
  async () => {
    const npm = `mkdir -p node_modules/@tensorflow/tfjs-node && echo {} > node_modules/.package-lock.json && echo "$@" > npm-arguments`;
    const compiler = 'for last; do :; done; [ "$1" = --version ] || echo addon > "$last"';
    const tools = { mkdir: 'exec /bin/mkdir "$@"', npm, 'c++': compiler };
    await onlyPrograms(tools);
    const said: string[] = [];
    const options = { device: 'cpu', wheel: FIXTURE, say: (line: string) => said.push(line) } as const;
    await setup(options);
    expect(isSetUp('cpu')).toBe(true);
    const folder = join(dir, 'unclip-discord', 'tensorflow-2.15.1-cpu');
    expect(await readFile(join(folder, 'npm-arguments'), 'utf8')).toMatch(
      /--ignore-scripts .*@tensorflow\/tfjs-node@4\.22\.0/,
    );
    const lib = join(folder, 'node_modules', '@tensorflow', 'tfjs-node', 'deps', 'lib');
    expect(await readFile(join(lib, 'libtensorflow_framework.so'), 'utf8')).toBe('framework');

    await onlyPrograms({});
    await setup(options);
    expect(said.at(-1)).toMatch(/^is ready in/);
  },
);

test('a wheel of something else is refused', async () => {
  await onlyPrograms({
    mkdir: 'exec /bin/mkdir "$@"',
    npm: 'mkdir -p node_modules && echo {} > node_modules/.package-lock.json',
    'c++': 'true',
  });
  const setupWith = (wheel: string) => setup({ device: 'gpu', wheel, say: () => {} });
  await expect(setupWith(join(dir, 'missing.whl'))).rejects.toThrow(/missing\.whl cannot be read/);
});

test('training without TensorFlow says what to do', () => {
  expect(() => loadTensorFlow()).toThrow(TensorFlowMissingError);
  expect(() => loadTensorFlow()).toThrow(/npm run train -- setup/);
});
