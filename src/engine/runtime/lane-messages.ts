import type { Inputs, Loadable, Outputs } from './onnx-session.ts';

/** Between a thread and its lane: plain values. `session` is a number that the asking side chose. */
export type LaneRequest = { readonly id: number; readonly session: number } & (
  | { readonly type: 'load'; readonly loadable: Loadable }
  | { readonly type: 'run'; readonly inputs: Inputs; readonly wanted: readonly string[] | undefined }
  | { readonly type: 'release' }
);

export type LaneResponse =
  | { readonly id: number; readonly outputs?: Outputs }
  | { readonly id: number; readonly error: unknown };
