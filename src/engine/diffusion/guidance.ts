import { concatRows, type Tensor } from '../tensor.ts';
import type { Denoiser } from './sampler.ts';

/**
 * Classifier-free guidance, Ho & Salimans 2022: ε = ε_uncond + scale·(ε_cond − ε_uncond).
 * A predicted variance (channels beyond `channels`) is the conditional half's, as it is.
 * @param output    (2B, C or 2C, …), the unconditional rows first
 * @param channels  C, those of the sample
 * @returns         (B, C or 2C, …)
 */
export function guide(output: Tensor, scale: number, channels: number): Tensor {
  const [rows, outputChannels, ...rest] = output.shape as [number, number, ...number[]];
  const half = output.data.length / 2;
  const [uncond, cond] = [output.data.subarray(0, half), output.data.subarray(half)];
  const data = Float32Array.from(cond);
  const rowLength = output.data.length / rows;
  const guidedLength = (rowLength / outputChannels) * channels;
  for (let row = 0; row < half; row += rowLength) {
    for (let i = row; i < row + guidedLength; i++) data[i] = uncond[i]! + scale * (cond[i]! - uncond[i]!);
  }
  return { data, shape: [rows / 2, outputChannels, ...rest] };
}

/**
 * A denoiser under guidance.
 * @param denoise  evaluates (2B, …) at once: the sample twice, for the unconditional and for the conditional half
 */
export function withGuidance(denoise: Denoiser, scale: number): Denoiser {
  return async (x, t) => guide(await denoise(concatRows([x, x]), t), scale, x.shape[1] as number);
}
