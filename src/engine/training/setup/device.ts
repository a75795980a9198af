import { run } from './run.ts';

export type Device = 'cpu' | 'gpu';

export interface DeviceChoice {
  readonly device: Device;
  readonly reason: string;
}

/** The libraries that TensorFlow 2.15 opens on an NVIDIA GPU, by the names that it asks the system's linker for. */
const CUDA_LIBRARIES = ['libcudart.so.12', 'libcublas.so.12', 'libcudnn.so.8'];

/** GPU where the NVIDIA driver answers and the linker finds CUDA 12 with cuDNN 8, else CPU; with the reason in words. */
export async function chooseDevice(): Promise<DeviceChoice> {
  const driver = await run('nvidia-smi', ['--list-gpus']);
  if (driver.code !== 0) return { device: 'cpu', reason: 'no NVIDIA GPU (nvidia-smi does not answer)' };
  const gpu = driver.output.split('\n')[0]!.replace(/ \(UUID.*/, '');
  const linker = (await run('ldconfig', ['-p'])).output + (await librariesOnPath());
  const missing = CUDA_LIBRARIES.filter((name) => !linker.includes(name));
  return missing.length === 0
    ? { device: 'gpu', reason: `${gpu}, CUDA 12 and cuDNN 8 are there` }
    : {
        device: 'cpu',
        reason: `${gpu} is there, but the linker does not find ${missing.join(', ')} (CUDA 12.2 and cuDNN 8.9)`,
      };
}

async function librariesOnPath(): Promise<string> {
  const folders = (process.env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean);
  return folders.length === 0 ? '' : (await run('ls', folders)).output;
}
