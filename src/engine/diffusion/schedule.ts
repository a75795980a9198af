/** The noise levels that a sampler walks through in N steps. */
export interface Schedule {
  /** What the network is given, one for each of its evaluations, in the order of sampling. */
  readonly timesteps: readonly number[];
  /** Standard deviation of the noise that sampling starts from. */
  readonly initNoiseSigma: number;
}
