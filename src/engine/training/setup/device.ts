import { InputError } from '../../../errors.ts';
import { chooseProvider } from '../../runtime/provider.ts';
import { run } from './run.ts';

/** What TensorFlow runs on: its C library on the CPU or with CUDA, or TensorFlow.js on any GPU through WebGPU. */
export const DEVICES = ['gpu', 'cpu', 'webgpu'] as const;
export type Device = (typeof DEVICES)[number];

export interface DeviceChoice {
  readonly device: Device;
  readonly reason: string;
}

/** What a machine has to train with. */
export interface Facts {
  /** Whether there is a C library of TensorFlow for it, as wheels carry it. */
  readonly hasLibrary: boolean;
  readonly cuda: Cuda;
  readonly webGpu: WebGpuSpeed;
}

interface Cuda {
  /** Its name, where the NVIDIA driver answers. */
  readonly gpu?: string;
  /** Libraries that the linker does not find. */
  readonly missing: readonly string[];
}

/** Whether WebGPU is so much faster than the CPU that it is worth leaving TensorFlow's C library for, and why (not). */
interface WebGpuSpeed {
  readonly isFast: boolean;
  readonly reason: string;
}

/** The libraries that TensorFlow 2.15 opens on an NVIDIA GPU, by the names that it asks the system's linker for. */
const CUDA_LIBRARIES = ['libcudart.so.12', 'libcublas.so.12', 'libcudnn.so.8'];

/** TensorFlow publishes it for other platforms too, but not as files that tfjs-node's addon can be linked with. */
export const hasLibrary = (): boolean => process.platform === 'linux' && process.arch === 'x64';

/** CUDA where it is whole; WebGPU where it is much faster than the CPU, or nothing else is to be had; else the CPU. */
export function chooseDevice({ hasLibrary, cuda, webGpu }: Facts): DeviceChoice {
  if (!hasLibrary)
    return { device: 'webgpu', reason: `there is no C library of TensorFlow for ${process.platform} ${process.arch}` };
  if (isWhole(cuda)) return { device: 'gpu', reason: `${cuda.gpu}, CUDA 12 and cuDNN 8 are there` };
  return { device: webGpu.isFast ? 'webgpu' : 'cpu', reason: `${whyNoCuda(cuda)}; WebGPU: ${webGpu.reason}` };
}

const whyNoCuda = ({ gpu, missing }: Cuda): string =>
  gpu
    ? `${gpu} is there, but the linker does not find ${missing.join(', ')} (CUDA 12.2 and cuDNN 8.9)`
    : 'no NVIDIA GPU (nvidia-smi does not answer)';

/** @throws InputError where CUDA isn't whole: TensorFlow's library for the GPU would compute on the CPU, and say nothing */
export function requireCuda(cuda: Cuda): void {
  if (!isWhole(cuda)) throw new InputError(`--device gpu: ${whyNoCuda(cuda)}. ${INSTEAD}`);
}

/** What to do where a GPU can't be had. */
export const INSTEAD = '--device cpu trains on the CPU';

export async function findFacts(): Promise<Facts> {
  const cuda = await findCuda();
  const decided = !hasLibrary() || isWhole(cuda);
  const webGpu = decided ? { isFast: false, reason: 'not measured' } : await measureWebGpu();
  return { hasLibrary: hasLibrary(), cuda, webGpu };
}

const isWhole = ({ gpu, missing }: Cuda) => gpu !== undefined && missing.length === 0;

export async function findCuda(): Promise<Cuda> {
  const driver = await run('nvidia-smi', ['--list-gpus']);
  if (driver.code !== 0) return { missing: [] };
  const gpu = driver.output.split('\n')[0]!.replace(/ \(UUID.*/, '');
  return { gpu, missing: await missingLibraries(CUDA_LIBRARIES) };
}

/**
 * Convolutions in ONNX Runtime, which has WebGPU built in, so that nothing need be downloaded to know. A GPU that a program
 * on the CPU stands in for is slower than the CPU itself.
 */
async function measureWebGpu(): Promise<WebGpuSpeed> {
  const { executionProviders, passedOver } = await chooseProvider('auto', ['cpu', 'webgpu']);
  return executionProviders[0] === 'webgpu'
    ? { isFast: true, reason: 'at least three times as fast as the CPU' }
    : { isFast: false, reason: passedOver.webgpu! };
}

/** Those that the system's linker does not find. */
export async function missingLibraries(names: readonly string[]): Promise<string[]> {
  const linker = (await run('ldconfig', ['-p'])).output + (await librariesOnPath());
  return names.filter((name) => !linker.includes(name));
}

async function librariesOnPath(): Promise<string> {
  const folders = (process.env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean);
  return folders.length === 0 ? '' : (await run('ls', folders)).output;
}
