/** The networks that are trained with TensorFlow, each after those that it learns from. */
export const PARTS = ['movq', 'clip', 'prior', 'decoder'] as const;
/** Parts that a model can do without. */
export const EXTRAS = ['teacher', 'distil', 'ar-prior', 'upsampler', 'fine-tune'] as const;
/** Trained to compare with and to measure by, no part of a model. */
export const MEASURES = ['text-decoder', 'judge'] as const;
export type Part = (typeof PARTS)[number] | (typeof EXTRAS)[number] | (typeof MEASURES)[number];
