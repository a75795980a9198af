/** The networks that are trained with TensorFlow, each after those that it learns from. */
export const PARTS = ['movq', 'clip', 'prior', 'decoder'] as const;
/** Parts that a model can do without. */
export const EXTRAS = ['teacher', 'distil', 'vision', 'ar-prior', 'upsampler', 'fine-tune'] as const;
/** Trained to compare with and to measure by, no part of a model. */
export const MEASURES = ['text-decoder', 'judge'] as const;
export type Part = (typeof PARTS)[number] | (typeof EXTRAS)[number] | (typeof MEASURES)[number];

/** Parts that begin with a trained network's weights and have its sizes: they have no config.json of their own. */
export const STARTS_FROM: Partial<Record<Part, Part>> = { distil: 'clip', 'fine-tune': 'decoder' };

/** Parts whose evaluations have figures alone, and no picture to look at. */
export const WITHOUT_SAMPLES: readonly Part[] = ['teacher', 'distil', 'judge'];

/** The networks whose outputs each learns in terms of, so that it must follow them; distil's only where there is one. */
export const LEARNS_FROM: Record<Part, readonly Part[]> = {
  movq: [],
  clip: [],
  prior: ['clip', 'distil'],
  decoder: ['movq', 'clip'],
  teacher: [],
  distil: ['clip'],
  vision: ['clip', 'distil'],
  'ar-prior': ['clip', 'distil'],
  upsampler: ['movq'],
  'fine-tune': ['movq', 'clip', 'decoder'],
  'text-decoder': ['movq', 'clip', 'distil'],
  judge: [],
};

/** Parts that begin with the weights of another, and go on without it. */
export const BEGINS_AS: Partial<Record<Part, Part>> = { 'fine-tune': 'decoder' };
