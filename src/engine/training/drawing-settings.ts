import type { Defaults } from '../pipeline/model.ts';

/** What a model is drawn with where a request names nothing else: exported models, and the samples of a training. */
export const DRAWING_SETTINGS = {
  steps: 20,
  guidanceScale: 5,
  priorSteps: 20,
  priorGuidanceScale: 3,
  textDiff: 'prior',
} as const satisfies Defaults;
