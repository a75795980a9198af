import type { Precision } from '../bfloat16.ts';
import type { Figures } from '../gradients.ts';
import type { Part } from '../part-names.ts';

/** What a helping process is to train, and where numbers are exchanged. */
export interface HelperOrder {
  readonly part: Part;
  readonly data: string;
  readonly runs: string;
  /** Of its batches, which no other process draws. */
  readonly seed: number;
  readonly steps?: number;
  readonly precision?: Precision;
  readonly prior?: string;
  readonly extraData?: string;
  /** File of the values of all parameters, float32. */
  readonly values: string;
  /** File that the helper writes their gradients into, likewise. */
  readonly gradients: string;
}

export type ToHelper =
  | { readonly type: 'open'; readonly order: HelperOrder }
  | { readonly type: 'compute'; readonly step: number };

export type FromHelper =
  | { readonly type: 'opened' }
  | { readonly type: 'computed'; readonly figures: Figures }
  | { readonly type: 'failed'; readonly message: string };
