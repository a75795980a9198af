import { latentChannels, MovqConfig, quantize } from '../../networks/movq.ts';
import { expectAllRead, tensorEntry } from '../../ops/weights.ts';
import type { Tensor } from '../../tensor.ts';
import { openComponent } from '../../weights/component.ts';
import { readTensor } from '../../weights/safetensors.ts';
import { movqDecoderGraph, movqEncoderGraph } from '../graphs.ts';
import { record } from '../record.ts';
import type { RuntimeOptions } from '../runtime.ts';
import type { Open } from './open-network.ts';

export interface Movq extends Open<MovqConfig> {
  /**
   * @param image  (B, in_channels, H, W) in [−1, 1], H and W multiples of 2^(blocks − 1)
   * @returns latents (B, vq_embed_dim, h, w), before quantising, unscaled
   */
  encode(image: Tensor): Promise<Tensor>;
  /** Latents (B, vq_embed_dim, h, w) → image (B, out_channels, H, W) about [−1, 1], without quantising. */
  decode(latents: Tensor): Promise<Tensor>;
  /** Each latent vector replaced by the nearest of the codebook. */
  quantize(latents: Tensor): Promise<Tensor>;
}

export async function openMovq(dir: string, options: RuntimeOptions = {}): Promise<Movq> {
  const component = await openComponent(dir, 'VQModel', MovqConfig);
  const { config } = component;
  const codebook = tensorEntry(component, 'quantize.embedding.weight', [
    config.num_vq_embeddings,
    latentChannels(config),
  ]);
  const encoder = await record(component, movqEncoderGraph, options, 'encoder');
  const decoder = await record(component, movqDecoderGraph, options, 'decoder');
  expectAllRead(component);
  return {
    config,
    encode: async (image) => (await encoder.run({ image })).latents!,
    decode: async (latents) => (await decoder.run({ latents })).image!,
    quantize: async (latents) => quantize(latents, await readTensor(codebook)),
    close: async () => {
      await encoder.close();
      await decoder.close();
    },
  };
}
