import type { Counts } from './new-drawings.ts';

/** What the report measures, in its order. */
export const FIGURES = [
  'movq_psnr',
  'clip_pair_top1',
  'prompt_top1',
  'pair_top1',
  'hyponym_top1',
  'step_vs_torch',
  'weights_mb',
] as const;
export type FigureName = (typeof FIGURES)[number];

export interface Bar {
  readonly meaning: string;
  readonly unit: 'dB' | '%' | '×' | 'MB';
  readonly bar: number;
  /** Is less better? */
  readonly atMost?: true;
}

export const BARS: Readonly<Record<FigureName, Bar>> = {
  movq_psnr: { meaning: 'autoencoder: PSNR on RGB of held-out pictures', unit: 'dB', bar: 26 },
  clip_pair_top1: { meaning: "CLIP: held-out pairs whose concept's name is nearest of all names", unit: '%', bar: 0.6 },
  prompt_top1: { meaning: 'names of concepts, 4 pictures each: the judge sees the right one', unit: '%', bar: 0.6 },
  pair_top1: {
    meaning: 'held-out pairs by text, 2 pictures each: the judge sees the right concept in the right style',
    unit: '%',
    bar: 0.4,
  },
  hyponym_top1: {
    meaning: 'words of no caption, 4 pictures each: the judge sees the right concept',
    unit: '%',
    bar: 0.4,
  },
  step_vs_torch: { meaning: "speed of the U-Net's training step, in torch's on this machine", unit: '×', bar: 0.85 },
  weights_mb: { meaning: 'weights of the model, and of the judge beside it', unit: 'MB', bar: 64, atMost: true },
};

export interface OfReal {
  /** Share of 1. */
  readonly share: number;
  /** Of those that are new drawings, where not all are. */
  readonly ofNew?: Counts;
}

/** One figure, or why there is none. */
export type Figure =
  | {
      /** Rates are fractions of 1. */
      readonly value: number;
      /** Of how many, and what else one should know. */
      readonly note: string;
      /** The same of real pictures of held-out pairs, which the judge has no more seen than drawn ones. */
      readonly ofReal?: OfReal;
    }
  | { readonly value: null; readonly reason: string };

export type Report = Readonly<Record<FigureName, Figure>>;
