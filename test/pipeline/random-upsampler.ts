import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomTensor } from '../../src/engine/models/random-weights.ts';
import { SuperResolutionConfig } from '../../src/engine/networks/unet-config.ts';
import { KNOWN_NETWORKS } from '../../src/engine/runtime/known-networks.ts';
import { writeSafetensors } from '../../src/engine/weights/safetensors.ts';

/**
 * A small upsampler that has learned nothing.
 * @param channels  of the pictures
 */
export async function writeRandomUpsampler(folder: string, channels = 3): Promise<void> {
  const config = SuperResolutionConfig.parse({
    ...{ sample_size: 256, in_channels: 2 * channels, out_channels: channels },
    ...{ block_out_channels: [8, 8], layers_per_block: 1, add_attention: false, norm_num_groups: 8 },
    down_block_types: ['ResnetDownsampleBlock2D', 'ResnetDownsampleBlock2D'],
    up_block_types: ['ResnetUpsampleBlock2D', 'ResnetUpsampleBlock2D'],
  });
  const parameters = KNOWN_NETWORKS.upsampler.parameters(config, 'config.json');
  const weights = new Map(parameters.map((parameter, i) => [parameter.name, randomTensor(parameter, i + 1)]));
  await mkdir(folder);
  await writeFile(join(folder, 'config.json'), JSON.stringify({ _class_name: 'UNet2DModel', ...config }));
  await writeSafetensors(join(folder, 'diffusion_pytorch_model.safetensors'), weights);
}
