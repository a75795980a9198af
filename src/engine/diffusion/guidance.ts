import type { Tensor } from '../tensor.ts';
import type { Denoiser } from './sampler.ts';

/**
 * Classifier-free guidance, Ho & Salimans 2022: ε = ε_uncond + scale·(ε_cond − ε_uncond).
 * A predicted variance (channels beyond `channels`) is always the conditional half's.
 * @param output   (2B, C or 2C, …), the unconditional rows first
 * @param channels C, those of the sample
 * @returns        (B, C or 2C, …)
 */
export declare function guide(output: Tensor, scale: number, channels: number): Tensor;

/** A denoiser that evaluates [unconditional, conditional] as one batch of 2B rows and guides the result. */
export declare function withGuidance(denoise: Denoiser, scale: number): Denoiser;
