import { createRequire } from 'node:module';
import { join } from 'node:path';
import util from 'node:util';
import { InputError } from '../../errors.ts';
import type { TensorFlow } from '../ops/tfjs-ops.ts';
import { DEVICES, type Device } from './setup/device.ts';
import { chosenDevice, isSetUp, PACKAGES, tensorflowDir } from './setup/setup.ts';
import { openWebGpu } from './setup/webgpu.ts';

export class TensorFlowMissingError extends InputError {
  override name = 'TensorFlowMissingError';
}

/**
 * TensorFlow.js on the device that TENSORFLOW_DEVICE names; else on the one that `npm run train -- setup` was last run for;
 * else with a native backend that was installed beside the project.
 * @throws TensorFlowMissingError when there is none, NoAdapterError when WebGPU has been set up and finds no GPU
 */
export async function loadTensorFlow(device: Device | undefined = trainingDevice()): Promise<TensorFlow> {
  if (device === 'webgpu') return (await openWebGpu(tensorflowDir(device))).tf;
  // TensorFlow's notes about the processor are no news to who trains
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '1';
  // by default only processors with AVX-512 or better get oneDNN's convolutions; with AVX2 a step takes an eighth less time
  process.env.TF_ENABLE_ONEDNN_OPTS ??= '1';
  restoreIsNullOrUndefined();
  if (device) return createRequire(join(tensorflowDir(device), 'package.json'))(PACKAGES[device]);
  const require = createRequire(import.meta.url);
  for (const name of [PACKAGES.gpu, PACKAGES.cpu]) {
    try {
      return require(name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  throw new TensorFlowMissingError(
    'training needs TensorFlow, which is not set up on this machine: run npm run train -- setup',
  );
}

/** What training runs on; undefined where nothing has been set up. */
export const trainingDevice = (): Device | undefined => askedDevice() ?? chosenDevice() ?? DEVICES.find(isSetUp);

function askedDevice(): Device | undefined {
  const name = process.env.TENSORFLOW_DEVICE;
  if (!name) return undefined;
  const device = DEVICES.find((known) => known === name);
  if (!device) throw new InputError(`TENSORFLOW_DEVICE must be one of ${DEVICES.join(', ')}, not "${name}"`);
  if (!isSetUp(device))
    throw new TensorFlowMissingError(
      `TENSORFLOW_DEVICE is ${name}, which is not set up on this machine: run npm run train -- setup --device ${name}`,
    );
  return device;
}

/** tfjs-node calls util.isNullOrUndefined, which Node 23 took away. */
function restoreIsNullOrUndefined(): void {
  const legacy = util as { isNullOrUndefined?: (value: unknown) => boolean };
  legacy.isNullOrUndefined = (value) => value === null || value === undefined;
}
