import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InputError } from '../../../errors.ts';
import { cacheDir } from '../../cache.ts';
import { ADDON, compileAddon, findCompiler } from './addon.ts';
import {
  chooseDevice,
  DEVICES,
  type Device,
  findCuda,
  findFacts,
  hasLibrary,
  INSTEAD,
  missingLibraries,
  requireCuda,
} from './device.ts';
import { hasPackages, installPackages } from './packages.ts';
import { explainNoAdapter, NoAdapterError, openWebGpu, TFJS_VERSION, tryGradients, WEBGPU_PACKAGES } from './webgpu.ts';
import { downloadWheel, findSource, LINUX, unpack, type WheelName } from './wheel.ts';

const NODE_API_HEADERS_VERSION = '1.9.0';

/** Where TensorFlow's C library computes. */
type NativeDevice = Exclude<Device, 'webgpu'>;

/** 2.9.1 and 2.11.1 do not load outside of Python; 2.15.1 does. */
const WHEELS: Record<NativeDevice, WheelName> = {
  cpu: { project: 'tensorflow-cpu', version: '2.15.1', tag: LINUX },
  gpu: { project: 'tensorflow', version: '2.15.1', tag: LINUX },
};

export const PACKAGES: Record<NativeDevice, string> = {
  cpu: '@tensorflow/tfjs-node',
  gpu: '@tensorflow/tfjs-node-gpu',
};

const TITLES: Record<Device, string> = {
  cpu: `TensorFlow for the CPU (${PACKAGES.cpu})`,
  gpu: `TensorFlow for the GPU (${PACKAGES.gpu})`,
  webgpu: 'TensorFlow.js on WebGPU (@tensorflow/tfjs-backend-webgpu)',
};

/** Where `setup` puts TensorFlow for a device. */
export function tensorflowDir(device: Device): string {
  return cacheDir(
    device === 'webgpu' ? `tensorflow-js-${TFJS_VERSION}-webgpu` : `tensorflow-${WHEELS[device].version}-${device}`,
  );
}

/** Whether `setup` has been run to its end for a device. */
export function isSetUp(device: Device): boolean {
  const dir = tensorflowDir(device);
  return device === 'webgpu'
    ? hasPackages(dir, WEBGPU_PACKAGES)
    : existsSync(join(dir, 'node_modules', PACKAGES[device], ADDON));
}

const chosenFile = () => cacheDir('tensorflow-device');

/** The device that `setup` was last run for, where it is set up still. */
export function chosenDevice(): Device | undefined {
  if (!existsSync(chosenFile())) return undefined;
  const name = readFileSync(chosenFile(), 'utf8').trim();
  return DEVICES.find((device) => device === name && isSetUp(device));
}

export interface SetupOptions {
  /** Instead of the device that is found. */
  readonly device?: Device;
  /** A wheel of TensorFlow that is already on this machine. */
  readonly wheel?: string;
  readonly say: (line: string) => void;
}

/**
 * Makes TensorFlow available to Node, for training to use from then on. What is done is kept: called again, it goes on where
 * it stopped, or has nothing to do.
 * @throws InputError when something that it needs is missing.
 */
export async function setup({ device: wanted, wheel, say }: SetupOptions): Promise<void> {
  if (wanted === 'webgpu' && wheel)
    throw new InputError(`--wheel ${wheel}: WebGPU has no use for it; say --device cpu or --device gpu`);
  const { device, reason } = wanted ? { device: wanted, reason: 'asked for' } : chooseDevice(await findFacts());
  say(`${TITLES[device]}: ${reason}`);
  if (device !== 'webgpu') await setUpLibrary(device, wheel, say);
  else await setUpWebGpu(wanted !== undefined, say);
  await mkdir(dirname(chosenFile()), { recursive: true });
  await writeFile(chosenFile(), `${device}\n`);
}

/** @param softwareToo whether a GPU that the CPU stands in for will do */
async function setUpWebGpu(softwareToo: boolean, say: (line: string) => void): Promise<void> {
  const dir = tensorflowDir('webgpu');
  await installPackages(dir, WEBGPU_PACKAGES, say);
  const { tf, adapter } = await openWebGpu(dir).catch(async (error) => {
    if (!(error instanceof NoAdapterError)) throw error;
    const missing = process.platform === 'linux' ? await missingLibraries(['libvulkan.so.1']) : [];
    throw new NoAdapterError(`${error.message}: ${explainNoAdapter(process.platform, missing)}. ${INSTEAD}`);
  });
  if (adapter.isSoftware && !softwareToo)
    throw new InputError(
      `WebGPU finds no GPU but ${adapter.name}, which computes on the CPU, slower than TensorFlow does. ${INSTEAD}; ` +
        '--device webgpu takes it all the same',
    );
  await tryGradients(tf);
  say(`GPU: ${adapter.name}; gradients are right`);
  if (adapter.isSoftware) say('It is no real GPU but computes on the CPU: --device cpu is faster');
  say(`TensorFlow is ready in ${dir}`);
}

/**
 * TensorFlow.js's native addon, built on the C library out of TensorFlow's Python wheel. The addon's own install script
 * fetches libtensorflow 2.9.1 (CUDA 11.2), which stops at Node 22; this runs on every Node from 20 on, and with CUDA 12.
 */
async function setUpLibrary(device: NativeDevice, wheel: string | undefined, say: (line: string) => void) {
  if (!hasLibrary())
    throw new InputError(
      `setup knows TensorFlow's C library for Linux on x86-64; on ${process.platform} ${process.arch} take --device webgpu, ` +
        `or install TensorFlow.js yourself: npm install --no-save --ignore-scripts=false ${PACKAGES.cpu}@` +
        `${TFJS_VERSION}; training uses it when it is there`,
    );
  if (device === 'gpu') requireCuda(await findCuda());
  const dir = tensorflowDir(device);
  // a wheel that is missing, or of something else, is told in any case, and before npm downloads anything
  if (wheel) await requireLibraries(wheel, WHEELS[device]);
  if (isSetUp(device)) return say(`TensorFlow is ready in ${dir}`);
  const compiler = await findCompiler();
  say(`C++ compiler: ${compiler}`);
  const packageDir = join(dir, 'node_modules', PACKAGES[device]);
  const download = join(dir, 'download');
  if (!wheel && !isUnpacked(packageDir)) await findSource(WHEELS[device], download);
  await installPackages(
    dir,
    [
      { package: PACKAGES[device], version: TFJS_VERSION },
      { package: 'node-api-headers', version: NODE_API_HEADERS_VERSION },
    ],
    say,
  );
  await installLibrary(WHEELS[device], wheel, download, packageDir, say);
  say('compiling the addon …');
  await mkdir(join(packageDir, 'lib', 'napi-v8'), { recursive: true });
  await compileAddon(compiler, packageDir, join(dir, 'node_modules', 'node-api-headers', 'include'));
  say(`TensorFlow is ready in ${dir}`);
}

const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
const LINKS = {
  'libtensorflow.so': 'libtensorflow_cc.so.2',
  'libtensorflow_framework.so': 'libtensorflow_framework.so.2',
};
const HEADERS = /^tensorflow\/include\/((tensorflow\/c|tensorflow\/core\/platform|tsl)\/.*\.h)$/;

/** Its last file, written when the library is there whole. */
const unpackedMark = (packageDir: string) => join(packageDir, 'deps', 'unpacked');
const isUnpacked = (packageDir: string) => existsSync(unpackedMark(packageDir));

/** @throws InputError where a file is no wheel, or one of something else */
async function requireLibraries(wheel: string, { project, version }: WheelName): Promise<void> {
  const entries = new Set<string>();
  await unpack(wheel, (entry) => void entries.add(entry));
  const missing = LIBRARIES.filter((file) => !entries.has(`tensorflow/${file}`));
  if (missing.length > 0)
    throw new InputError(
      `${wheel} holds no tensorflow/${missing.join(', ')}: expected ${project} ${version} for Linux`,
    );
}

async function installLibrary(
  name: WheelName,
  given: string | undefined,
  download: string,
  packageDir: string,
  say: (line: string) => void,
) {
  const lib = join(packageDir, 'deps', 'lib');
  if (isUnpacked(packageDir)) return;
  if (!given) say(`downloading ${name.project} ${name.version} (hundreds of megabytes) …`);
  const wheel = given ?? (await downloadWheel(name, download));
  if (!given) await requireLibraries(wheel, name);
  say('unpacking …');
  await unpack(wheel, (entry) => {
    const library = LIBRARIES.find((file) => entry === `tensorflow/${file}`);
    if (library) return join(lib, library);
    const header = HEADERS.exec(entry)?.[1];
    return header && join(packageDir, 'deps', 'include', header);
  });
  for (const [link, file] of Object.entries(LINKS)) {
    await rm(join(lib, link), { force: true });
    await symlink(file, join(lib, link));
  }
  await writeFile(unpackedMark(packageDir), '');
  await rm(download, { recursive: true, force: true });
}
