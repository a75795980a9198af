import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { OWN_FOLDERS } from '../pipeline/kandinsky-folder.ts';
import { UPSCALE_SCHEDULER } from '../pipeline/upscale.ts';
import { networkFiles, schedulerFiles, writeComponent } from '../weights/write-model.ts';
import { checkpointOf, loadAverage } from './checkpoint.ts';
import { expectSizes } from './expect-sizes.ts';
import { openUpsamplerConfig } from './run-config.ts';

/** The upsampler where one has been trained, float16: a folder that opens as diffusers' UNet2DModel and DDIMScheduler. */
export async function exportUpsampler(dir: string, runs: string): Promise<void> {
  const checkpoint = checkpointOf(runs, 'upsampler');
  if (!existsSync(checkpoint)) return;
  const config = await openUpsamplerConfig(runs);
  const weights = await loadAverage(checkpoint);
  expectSizes(runs, 'upsampler', config, weights);
  const network = networkFiles('UNet2DModel', config, weights);
  const folder = join(dir, OWN_FOLDERS.upsampler);
  await writeComponent(folder, network, { dtype: 'F16' });
  await writeComponent(folder, schedulerFiles(UPSCALE_SCHEDULER), {});
}
