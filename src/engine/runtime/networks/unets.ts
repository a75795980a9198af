import { InputError } from '../../../errors.ts';
import { KarloDecoderConfig, SuperResolutionConfig, UnetConfig } from '../../networks/unet-config.ts';
import { expectAllRead } from '../../ops/weights.ts';
import type { Tensor } from '../../tensor.ts';
import { type Component, openComponent } from '../../weights/component.ts';
import { type GraphBuilder, karloDecoderGraph, superResolutionGraph, unetGraph } from '../graphs.ts';
import { record } from '../record.ts';
import type { RuntimeOptions } from '../runtime.ts';
import { column, type Open } from './open-network.ts';

interface UnetInputs {
  /** (B, in_channels, H, W) with H and W multiples of 2^(blocks − 1) */
  readonly sample: Tensor;
  /** One for each row: rows of one batch may be at different steps. */
  readonly timestep: readonly number[];
  /** (B, encoder_hid_dim) */
  readonly imageEmbedding: Tensor;
}

/** Kandinsky 2.2's decoder. */
export interface Unet extends Open<UnetConfig> {
  /** @returns (B, out_channels, H, W) */
  predict(inputs: UnetInputs): Promise<Tensor>;
}

export async function openUnet(dir: string, options: RuntimeOptions = {}): Promise<Unet> {
  return denoiser(await openComponent(dir, 'UNet2DConditionModel', UnetConfig), unetGraph, options);
}

interface KarloDecoderInputs {
  /** (B, in_channels, H, W) with H and W multiples of 2^(blocks − 1) */
  readonly sample: Tensor;
  /** One for each row. */
  readonly timestep: readonly number[];
  /** (B, E) */
  readonly additive: Tensor;
  /** (B, M, cross_attention_dim) */
  readonly context: Tensor;
  /** (B, M): 1 token, 0 padding */
  readonly contextMask: Tensor;
}

export interface KarloDecoder extends Open<KarloDecoderConfig> {
  /** @returns (B, out_channels, H, W) */
  predict(inputs: KarloDecoderInputs): Promise<Tensor>;
}

export async function openKarloDecoder(dir: string, options: RuntimeOptions = {}): Promise<KarloDecoder> {
  return denoiser(await openComponent(dir, 'UNet2DConditionModel', KarloDecoderConfig), karloDecoderGraph, options);
}

interface SuperResolutionInputs {
  /** [noised picture ∥ enlarged picture] (B, in_channels, H, W), H and W multiples of 2^(blocks − 1) */
  readonly sample: Tensor;
  /** One for each row. */
  readonly timestep: readonly number[];
}

/** One of Karlo's two upsamplers. */
export interface SuperResolution extends Open<SuperResolutionConfig> {
  /** @returns (B, out_channels, H, W) */
  predict(inputs: SuperResolutionInputs): Promise<Tensor>;
}

export async function openSuperResolution(dir: string, options: RuntimeOptions = {}): Promise<SuperResolution> {
  return denoiser(await openComponent(dir, 'UNet2DModel', SuperResolutionConfig), superResolutionGraph, options);
}

interface DenoiserInputs {
  readonly sample: Tensor;
  readonly timestep: readonly number[];
}

/** A U-Net whose rows may be at different steps. */
async function denoiser<C extends { readonly block_out_channels: readonly number[] }, Inputs extends DenoiserInputs>(
  component: Component<C>,
  build: GraphBuilder<C>,
  options: RuntimeOptions,
): Promise<Open<C> & { predict(inputs: Inputs): Promise<Tensor> }> {
  const { config } = component;
  const session = await record(component, build, options);
  expectAllRead(component);
  return {
    config,
    async predict({ timestep, ...inputs }) {
      expectMultiples(component, inputs.sample, 2 ** (config.block_out_channels.length - 1));
      return (await session.run({ ...inputs, timestep: column(timestep) })).prediction!;
    },
    close: () => session.close(),
  };
}

/** The U-Net halves the picture between its blocks and joins it again at each size. */
function expectMultiples({ name }: Component<unknown>, { shape }: Tensor, factor: number): void {
  if (shape.slice(2).some((size) => size % factor !== 0)) {
    throw new InputError(
      `${name}: sample: expected height and width in multiples of ${factor}, found (${shape.join(', ')})`,
    );
  }
}
