import type { ClipTextConfig } from '../networks/clip-text.ts';
import type { ClipVisionConfig } from '../networks/clip-vision.ts';
import type { MovqConfig } from '../networks/movq.ts';
import type { PriorConfig } from '../networks/prior.ts';
import type { UnetConfig } from '../networks/unet-config.ts';
import type { Tensor } from '../tensor.ts';
import type { RuntimeOptions } from './runtime.ts';

/**
 * Networks ready to run. Opening reads config and weight headers and throws the InputErrors of a broken folder;
 * the weights themselves are loaded at the first call. `close()` frees them: onnxruntime frees nothing by itself.
 */
interface Open<Config> {
  readonly config: Config;
  close(): Promise<void>;
}

export interface ClipText extends Open<ClipTextConfig> {
  /**
   * @param ids  rows of one length N ≤ max_position_embeddings, padded
   * @returns hidden (B, N, D) after the final layer norm, embedding (B, P), not normalised
   */
  encode(ids: readonly (readonly number[])[]): Promise<{ hidden: Tensor; embedding: Tensor }>;
}
export declare function openClipText(dir: string, options?: RuntimeOptions): Promise<ClipText>;

export interface ClipVision extends Open<ClipVisionConfig> {
  /**
   * @param pixels  (B, 3, image_size, image_size), preprocessed
   * @returns (B, P), not normalised
   */
  encode(pixels: Tensor): Promise<Tensor>;
}
export declare function openClipVision(dir: string, options?: RuntimeOptions): Promise<ClipVision>;

export interface PriorInputs {
  /** Noised image embedding (B, D), in the prior's normalised space. */
  readonly sample: Tensor;
  /** One for each row. */
  readonly timestep: readonly number[];
  /** (B, D) */
  readonly textEmbedding: Tensor;
  /** (B, N, D) with N = num_embeddings */
  readonly textHidden: Tensor;
  /** (B, N): 1 token, 0 padding */
  readonly textMask: Tensor;
}
export interface Prior extends Open<PriorConfig> {
  /** (D) each: image embedding = prediction · clipStd + clipMean. */
  readonly clipMean: Float32Array;
  readonly clipStd: Float32Array;
  /** @returns the predicted clean image embedding (B, D), in the prior's normalised space */
  predict(inputs: PriorInputs): Promise<Tensor>;
}
export declare function openPrior(dir: string, options?: RuntimeOptions): Promise<Prior>;

export interface UnetInputs {
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
export declare function openUnet(dir: string, options?: RuntimeOptions): Promise<Unet>;

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
export declare function openMovq(dir: string, options?: RuntimeOptions): Promise<Movq>;
