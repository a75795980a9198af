import { existsSync } from 'node:fs';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../../errors.ts';
import { cacheDir } from '../../cache.ts';
import { ADDON, compileAddon, findCompiler } from './addon.ts';
import { chooseDevice, type Device } from './device.ts';
import { lastLines, run } from './run.ts';
import { downloadWheel, LINUX, unpack, type WheelName } from './wheel.ts';

const TFJS_NODE_VERSION = '4.22.0';
const NODE_API_HEADERS_VERSION = '1.9.0';

/** 2.9.1 and 2.11.1 do not load outside of Python; 2.15.1 does. */
const WHEELS: Record<Device, WheelName> = {
  cpu: { project: 'tensorflow-cpu', version: '2.15.1', tag: LINUX },
  gpu: { project: 'tensorflow', version: '2.15.1', tag: LINUX },
};

export const PACKAGES: Record<Device, string> = { cpu: '@tensorflow/tfjs-node', gpu: '@tensorflow/tfjs-node-gpu' };

/** Where `setup` puts TensorFlow for a device. */
export function tensorflowDir(device: Device): string {
  return cacheDir(`tensorflow-${WHEELS[device].version}-${device}`);
}

/** Whether `setup` has been run to its end for a device. */
export function isSetUp(device: Device): boolean {
  return existsSync(join(tensorflowDir(device), 'node_modules', PACKAGES[device], ADDON));
}

export interface SetupOptions {
  /** Instead of the device that is found. */
  readonly device?: Device;
  /** A wheel of TensorFlow that is already on this machine. */
  readonly wheel?: string;
  readonly say: (line: string) => void;
}

/**
 * Makes TensorFlow available to Node: TensorFlow.js's native addon, built on the C library out of TensorFlow's Python wheel.
 * The addon's own install script fetches libtensorflow 2.9.1 (CUDA 11.2), which stops at Node 22; this runs on every Node
 * from 20 on, and with CUDA 12. What is done is kept: called again, it goes on where it stopped, or has nothing to do.
 * @throws InputError when something that it needs is missing.
 */
export async function setup({ device: wanted, wheel, say }: SetupOptions): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new InputError(
      `setup knows Linux on x86-64; on ${process.platform} ${process.arch} install TensorFlow.js yourself: npm install ` +
        `--no-save --ignore-scripts=false ${PACKAGES.cpu}@${TFJS_NODE_VERSION}; training uses it when it is there`,
    );
  }
  const { device, reason } = wanted ? { device: wanted, reason: 'asked for' } : await chooseDevice();
  const dir = tensorflowDir(device);
  say(`TensorFlow for ${device === 'gpu' ? 'the GPU' : 'the CPU'} (${PACKAGES[device]}): ${reason}`);
  if (isSetUp(device)) return say(`is ready in ${dir}`);

  const compiler = await findCompiler();
  say(`C++ compiler: ${compiler}`);
  await installPackages(device, dir, say);
  const packageDir = join(dir, 'node_modules', PACKAGES[device]);
  await installLibrary(WHEELS[device], wheel, dir, packageDir, say);
  say('compiling the addon …');
  await mkdir(join(packageDir, 'lib', 'napi-v8'), { recursive: true });
  await compileAddon(compiler, packageDir, join(dir, 'node_modules', 'node-api-headers', 'include'));
  say(`TensorFlow is ready in ${dir}`);
}

async function installPackages(device: Device, dir: string, say: (line: string) => void): Promise<void> {
  const specs = [`${PACKAGES[device]}@${TFJS_NODE_VERSION}`, `node-api-headers@${NODE_API_HEADERS_VERSION}`];
  if (existsSync(join(dir, 'node_modules', '.package-lock.json'))) return;
  say(`npm install ${specs.join(' ')} …`);
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'package.json'), '{ "private": true }\n');
  // the install script would fetch the old library; the addon is compiled below instead
  const { code, output } = await run(
    'npm',
    ['install', '--ignore-scripts', '--loglevel=error', '--no-audit', ...specs],
    dir,
  );
  if (code !== 0) throw new InputError(`npm could not install ${specs.join(' ')} in ${dir}:\n${lastLines(output)}`);
}

const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
const LINKS = {
  'libtensorflow.so': 'libtensorflow_cc.so.2',
  'libtensorflow_framework.so': 'libtensorflow_framework.so.2',
};
const HEADERS = /^tensorflow\/include\/((tensorflow\/c|tensorflow\/core\/platform|tsl)\/.*\.h)$/;

async function installLibrary(
  name: WheelName,
  given: string | undefined,
  dir: string,
  packageDir: string,
  say: (line: string) => void,
) {
  const lib = join(packageDir, 'deps', 'lib');
  const unpacked = join(packageDir, 'deps', 'unpacked');
  if (existsSync(unpacked)) return;
  if (!given) say(`downloading ${name.project} ${name.version} (hundreds of megabytes) …`);
  const wheel = given ?? (await downloadWheel(name, join(dir, 'download')));
  say('unpacking …');
  await unpack(wheel, (entry) => {
    const library = LIBRARIES.find((file) => entry === `tensorflow/${file}`);
    if (library) return join(lib, library);
    const header = HEADERS.exec(entry)?.[1];
    return header && join(packageDir, 'deps', 'include', header);
  });
  const missing = LIBRARIES.filter((file) => !existsSync(join(lib, file)));
  if (missing.length > 0)
    throw new InputError(
      `${wheel} holds no tensorflow/${missing.join(', ')}: expected ${name.project} ${name.version} for Linux`,
    );
  for (const [link, file] of Object.entries(LINKS)) {
    await rm(join(lib, link), { force: true });
    await symlink(file, join(lib, link));
  }
  await writeFile(unpacked, '');
  await rm(join(dir, 'download'), { recursive: true, force: true });
}
