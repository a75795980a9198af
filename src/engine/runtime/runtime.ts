/** How networks run. */
export interface RuntimeOptions {
  /** CPU threads of one run; onnxruntime's own choice (one a core) when absent. */
  readonly threads?: number;
  /** In order of preference, such as `['cuda', 'cpu']`; `['cpu']` when absent. */
  readonly executionProviders?: readonly string[];
  /** Told after each run of a network, named as its folder. */
  readonly onRun?: (network: string, milliseconds: number) => void;
}
