import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Tensor } from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { findCompiler } from '../../src/engine/training/setup/addon.ts';
import { chooseDevice, type Facts, findCuda, requireCuda } from '../../src/engine/training/setup/device.ts';
import { hasPackages, installPackages, type PackageSpec } from '../../src/engine/training/setup/packages.ts';
import { chosenDevice, isSetUp, setup } from '../../src/engine/training/setup/setup.ts';
import { explainNoAdapter, tryGradients } from '../../src/engine/training/setup/webgpu.ts';
import { downloadWheel, LINUX, unpack } from '../../src/engine/training/setup/wheel.ts';
import { loadTensorFlow, TensorFlowMissingError } from '../../src/engine/training/tensorflow.ts';
import { tensorflow } from './tensorflow-js.ts';

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

/** What stands in for npm's install: the list of what is there, which npm writes last of all. */
const npmLists = (packages: Record<string, string>) => {
  const entries = Object.entries(packages).map(([name, version]) => [`node_modules/${name}`, { version }]);
  return `mkdir -p node_modules && echo '${JSON.stringify({ packages: Object.fromEntries(entries) })}' > node_modules/.package-lock.json && echo "$@" >> npm-arguments`;
};
const TFJS_NODE = { '@tensorflow/tfjs-node': '4.22.0', 'node-api-headers': '1.9.0' };

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

test('a wheel whose digest is known is no other, downloaded or there before', async () => {
  const path = join(dir, FILE);
  await onlyPrograms({ pip: `[ "$1" = --version ] || /bin/cp "${FIXTURE}" "${dir}"` });
  const sha256 = createHash('sha256')
    .update(await readFile(FIXTURE))
    .digest('hex');
  const other = sha256.replace(/./g, '0');
  for (const _ of ['downloaded', 'there before'])
    await expect(downloadWheel({ ...WHEEL, sha256: other }, dir)).rejects.toThrow(
      `${path}: expected the tensorflow-cpu 2.15.1 whose SHA-256 is ${other}, found ${sha256}: delete it`,
    );
  expect(await downloadWheel({ ...WHEEL, sha256 }, dir)).toBe(path);
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

test('packages are installed once, others beside them, and anew where another version is wanted', async () => {
  const tools = { mkdir: 'exec /bin/mkdir "$@"' };
  const folder = join(dir, 'packages');
  const install = (...specs: PackageSpec[]) => installPackages(folder, specs, () => {});
  const [a, b] = [
    { package: '@scope/a', version: '1.0.0' },
    { package: 'b', version: '2.0.0' },
  ];
  await onlyPrograms({ ...tools, npm: npmLists({ '@scope/a': '1.0.0' }) });
  await install(a);
  expect([hasPackages(folder, [a]), hasPackages(folder, [a, b])]).toEqual([true, false]);
  await onlyPrograms({ ...tools, npm: npmLists({ '@scope/a': '1.0.0', b: '2.0.0' }) });
  await install(a, b);
  await onlyPrograms({ ...tools, npm: 'echo "no network"; exit 1' });
  await install(a, b);
  const asked = (await readFile(join(folder, 'npm-arguments'), 'utf8')).trim().split('\n');
  expect(asked.map((line) => line.split(' ').at(-1))).toEqual(['@scope/a@1.0.0', 'b@2.0.0']);
  await expect(install({ ...a, version: '1.1.0' })).rejects.toThrow(
    /could not install @scope\/a@1\.1\.0.*\nno network/,
  );
});

test('without a compiler it says how to get one', async () => {
  await onlyPrograms({});
  await expect(findCompiler()).rejects.toThrow(/C\+\+ compiler is needed.*apt-get install g\+\+/);
});

/** Stand-ins for the driver of a GPU and for a linker that finds CUDA's libraries. */
const driver = 'echo "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1)"';
const CUDA = { 'nvidia-smi': driver, ldconfig: 'echo "libcudart.so.12 libcublas.so.12 libcudnn.so.8"' };

test('CUDA is found by driver and libraries', async () => {
  const gpu = 'GPU 0: NVIDIA H100 80GB HBM3';
  await onlyPrograms({});
  expect(await findCuda()).toEqual({ missing: [] });
  await onlyPrograms({ 'nvidia-smi': driver, ldconfig: 'echo "libcudart.so.12 libcublas.so.12"' });
  expect(await findCuda()).toEqual({ gpu, missing: ['libcudnn.so.8'] });
  await onlyPrograms(CUDA);
  expect(await findCuda()).toEqual({ gpu, missing: [] });
});

test('CUDA is chosen where it is whole, WebGPU where it is fast or all there is, else the CPU; with the reason', () => {
  const nothing: Facts = {
    hasLibrary: true,
    cuda: { missing: [] },
    webGpu: { isFast: false, reason: 'There is no Vulkan' },
  };
  const fast = { isFast: true, reason: 'at least three times as fast as the CPU' };
  expect(chooseDevice(nothing)).toEqual({
    device: 'cpu',
    reason: 'no NVIDIA GPU (nvidia-smi does not answer); WebGPU: There is no Vulkan',
  });
  expect(chooseDevice({ ...nothing, webGpu: fast })).toMatchObject({
    device: 'webgpu',
    reason: expect.stringMatching(/three times as fast/),
  });
  expect(chooseDevice({ ...nothing, cuda: { gpu: 'H100', missing: [] }, webGpu: fast })).toEqual({
    device: 'gpu',
    reason: 'H100, CUDA 12 and cuDNN 8 are there',
  });
  const cuda = { gpu: 'H100', missing: ['libcudnn.so.8'] };
  expect(chooseDevice({ ...nothing, cuda }).reason).toMatch(
    /^H100 is there, but the linker does not find libcudnn\.so\.8 \(CUDA 12\.2 and cuDNN 8\.9\); WebGPU: /,
  );
  expect(chooseDevice({ ...nothing, cuda, webGpu: fast }).device).toBe('webgpu');
  expect(chooseDevice({ ...nothing, hasLibrary: false })).toMatchObject({
    device: 'webgpu',
    reason: expect.stringMatching(/^there is no C library of TensorFlow for/),
  });
});

test('a GPU that is asked for is refused where CUDA is not whole, with what is missing', async () => {
  expect(() => requireCuda({ gpu: 'H100', missing: [] })).not.toThrow();
  expect(() => requireCuda({ missing: [] })).toThrow(
    '--device gpu: no NVIDIA GPU (nvidia-smi does not answer). --device cpu trains on the CPU',
  );
  expect(() => requireCuda({ gpu: 'H100', missing: ['libcudnn.so.8'] })).toThrow(
    /^--device gpu: H100 is there, but the linker does not find libcudnn\.so\.8 .* --device cpu/,
  );
  await onlyPrograms({});
  await expect(setup({ device: 'gpu', say: () => {} })).rejects.toThrow('--device gpu: no NVIDIA GPU');
  expect(chosenDevice()).toBeUndefined();
});

test('where WebGPU finds no GPU it says what is missing', () => {
  expect(explainNoAdapter('linux', ['libvulkan.so.1'])).toMatch(/does not find libvulkan\.so\.1.*apt-get install/);
  expect(explainNoAdapter('linux', [])).toMatch(/vulkaninfo.*renderD128.*mesa-vulkan-drivers/);
  expect(explainNoAdapter('darwin', [])).toMatch(/Metal/);
  expect(explainNoAdapter('win32', [])).toMatch(/Direct3D 12/);
});

test('gradients that a driver computes wrongly are found', async () => {
  await expect(tryGradients(tensorflow)).resolves.toBeUndefined();
  const wrong = { ...tensorflow, square: (x: Tensor) => tensorflow.mul(x, 3) } as unknown as typeof tensorflow;
  await expect(tryGradients(wrong)).rejects.toThrow(/wrong gradients.*expected \[-8, -8, 0/);
});

test.runIf(process.platform === 'linux' && process.arch === 'x64')(
  'all steps, with stand-ins for npm and the compiler; called again there is nothing to do',
  async () => {
    const npm = `mkdir -p node_modules/@tensorflow/tfjs-node && ${npmLists(TFJS_NODE)}`;
    const compiler = 'for last; do :; done; [ "$1" = --version ] || echo addon > "$last"';
    const tools = { mkdir: 'exec /bin/mkdir "$@"', npm, 'c++': compiler };
    await onlyPrograms(tools);
    const said: string[] = [];
    const options = { device: 'cpu', wheel: FIXTURE, say: (line: string) => said.push(line) } as const;
    await setup(options);
    expect(isSetUp('cpu')).toBe(true);
    expect(chosenDevice()).toBe('cpu');
    const folder = join(dir, 'unclip-discord', 'tensorflow-2.15.1-cpu');
    expect(await readFile(join(folder, 'npm-arguments'), 'utf8')).toMatch(
      /--ignore-scripts .*@tensorflow\/tfjs-node@4\.22\.0/,
    );
    const lib = join(folder, 'node_modules', '@tensorflow', 'tfjs-node', 'deps', 'lib');
    expect(await readFile(join(lib, 'libtensorflow_framework.so'), 'utf8')).toBe('framework');

    await onlyPrograms({});
    await setup(options);
    expect(said.at(-1)).toBe(`TensorFlow is ready in ${folder}`);
    const missing = join(dir, 'missing.whl');
    await expect(setup({ ...options, wheel: missing })).rejects.toThrow(`${missing} cannot be read as a zip archive`);
  },
);

test('a wheel of something else is refused before anything is downloaded, and so is none', async () => {
  const npm = `echo called > ${join(dir, 'npm-was-called')}`;
  await onlyPrograms({ ...CUDA, npm, 'c++': 'true' });
  const setupWith = (wheel: string) => setup({ device: 'gpu', wheel, say: () => {} });
  await expect(setupWith(join(dir, 'missing.whl'))).rejects.toThrow(/missing\.whl cannot be read/);
  const other = join(dir, 'other.whl');
  await writeFile(other, Buffer.from(`504b0506${'00'.repeat(18)}`, 'hex')); // a zip in which nothing is
  await expect(setupWith(other)).rejects.toThrow(/other\.whl holds no tensorflow\/libtensorflow_cc\.so\.2/);
  // nor is anything downloaded where the wheel can't be had
  vi.stubEnv('PIP_INDEX_URL', '');
  await expect(setup({ device: 'gpu', say: () => {} })).rejects.toThrow(/pip must be installed.*PIP_INDEX_URL/);
  expect(await readdir(dir)).not.toContain('npm-was-called');
});

test('a wheel is of no use to WebGPU', async () => {
  const asked = setup({ device: 'webgpu', wheel: FIXTURE, say: () => {} });
  await expect(asked).rejects.toThrow(/WebGPU has no use for it; say --device cpu or --device gpu/);
});

test('training without TensorFlow says what to do', async () => {
  await expect(loadTensorFlow()).rejects.toThrow(TensorFlowMissingError);
  await expect(loadTensorFlow()).rejects.toThrow(/npm run train -- setup/);
  vi.stubEnv('TENSORFLOW_DEVICE', 'webgpu');
  await expect(loadTensorFlow()).rejects.toThrow(/TENSORFLOW_DEVICE is webgpu, .*setup --device webgpu/);
  vi.stubEnv('TENSORFLOW_DEVICE', 'tpu');
  await expect(loadTensorFlow()).rejects.toThrow(/must be one of gpu, cpu, webgpu, not "tpu"/);
});
