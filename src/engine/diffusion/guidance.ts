import { concatRows, type Tensor } from '../tensor.ts';
import type { Denoiser } from './sampler.ts';

/**
 * Classifier-free guidance, Ho & Salimans 2022: ε = ε_uncond + scale·(ε_cond − ε_uncond).
 * A predicted variance (channels beyond `channels`) is the conditional half's, as it is.
 * @param output    (2B, C or 2C, …), the unconditional rows first
 * @param channels  C, those of the sample
 * @param rescale   φ: 0 leaves ε as it is … 1 brings it back to the standard deviation of ε_cond
 * @returns         (B, C or 2C, …)
 */
export function guide(output: Tensor, scale: number, channels: number, rescale = 0): Tensor {
  const [rows, outputChannels, ...rest] = output.shape as [number, number, ...number[]];
  const half = output.data.length / 2;
  const [uncond, cond] = [output.data.subarray(0, half), output.data.subarray(half)];
  const data = Float32Array.from(cond);
  const rowLength = output.data.length / rows;
  const guidedLength = (rowLength / outputChannels) * channels;
  for (let row = 0; row < half; row += rowLength) {
    const end = row + guidedLength;
    for (let i = row; i < end; i++) data[i] = uncond[i]! + scale * (cond[i]! - uncond[i]!);
    if (rescale > 0) rescaleNoise(data.subarray(row, end), cond.subarray(row, end), rescale);
  }
  return { data, shape: [rows / 2, outputChannels, ...rest] };
}

/** Lin et al. 2023, eq. 15–16: ε ← φ·ε·σ_cond/σ + (1 − φ)·ε, so that guidance doesn't overexpose. */
function rescaleNoise(guided: Float32Array, conditional: Float32Array, rescale: number): void {
  const factor = rescale * (standardDeviation(conditional) / standardDeviation(guided)) + 1 - rescale;
  for (let i = 0; i < guided.length; i++) guided[i]! *= factor;
}

function standardDeviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

/**
 * A denoiser under guidance.
 * @param denoise  evaluates (2B, …) at once: the sample twice, for the unconditional and for the conditional half
 * @param rescale  0 … 1, see `guide`
 */
export function withGuidance(denoise: Denoiser, scale: number, rescale = 0): Denoiser {
  return async (x, t) => guide(await denoise(concatRows([x, x]), t), scale, x.shape[1] as number, rescale);
}
