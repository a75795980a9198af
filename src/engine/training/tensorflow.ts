import { createRequire } from 'node:module';
import { join } from 'node:path';
import util from 'node:util';
import { InputError } from '../../errors.ts';
import type { TensorFlow } from '../ops/tfjs-ops.ts';
import { isSetUp, PACKAGES, tensorflowDir } from './setup/setup.ts';

export class TensorFlowMissingError extends InputError {
  override name = 'TensorFlowMissingError';
}

/**
 * TensorFlow.js with its native backend: the one that `npm run train -- setup` built, else one installed beside the project.
 * @throws TensorFlowMissingError when there is none.
 */
export function loadTensorFlow(): TensorFlow {
  // TensorFlow's notes about the processor are no news to who trains
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '1';
  restoreIsNullOrUndefined();
  for (const device of ['gpu', 'cpu'] as const) {
    if (isSetUp(device)) return createRequire(join(tensorflowDir(device), 'package.json'))(PACKAGES[device]);
  }
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

/** tfjs-node calls util.isNullOrUndefined, which Node 23 took away. */
function restoreIsNullOrUndefined(): void {
  const legacy = util as { isNullOrUndefined?: (value: unknown) => boolean };
  legacy.isNullOrUndefined = (value) => value === null || value === undefined;
}
