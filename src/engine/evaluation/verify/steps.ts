import type { StepReport } from '../../diffusion/sampler.ts';
import { concatRows, type Tensor, tensor } from '../../tensor.ts';
import type { Comparison, Disturb } from './check.ts';
import type { Tolerance } from './measure.ts';

/** The steps of a sampler, to be compared with the reference's `<stage>.<nn>.*`. */
export class RecordedSteps {
  readonly reports: StepReport[] = [];
  readonly onStep = (report: StepReport) => {
    this.reports.push(report);
  };
}

/** Compares sample, model output and next sample of each step, and the timesteps. */
export function compareSteps(
  comparison: Comparison,
  stage: string,
  { reports }: RecordedSteps,
  tolerance: Tolerance,
): void {
  for (const [i, { sample, modelOutput, prevSample }] of reports.entries()) {
    comparison.compare(`${stepName(stage, i)}.sample`, sample, tolerance);
    comparison.compare(`${stepName(stage, i)}.model_output`, modelOutput, tolerance);
    comparison.compare(`${stepName(stage, i)}.prev_sample`, prevSample, tolerance);
  }
  const timesteps = Float32Array.from(reports, ({ t }) => t);
  comparison.compare(`${stage}.timesteps`, tensor(timesteps, [timesteps.length]), { max: 0 });
}

/** Compares where each step led, of pictures that were drawn one by one and by the reference in one batch. */
export function compareRowsOfSteps(
  comparison: Comparison,
  stage: string,
  rows: readonly RecordedSteps[],
  tolerance: Tolerance,
): void {
  for (let i = 0; i < rows[0]!.reports.length; i++) {
    const prevSample = concatRows(rows.map(({ reports }) => reports[i]!.prevSample));
    comparison.compare(`${stepName(stage, i)}.prev_sample`, prevSample, tolerance);
  }
}

const stepName = (stage: string, step: number) => `${stage}.${String(step).padStart(2, '0')}`;

/** About [−1, 1] → [0, 1], as the reference's pictures are. */
export function toUnitRange({ data, shape }: Tensor): Tensor {
  return tensor(
    data.map((value) => Math.min(1, Math.max(0, value / 2 + 0.5))),
    shape,
  );
}

/** Each `times` times, those of one next to each other. */
export function repeatEach<T>(items: readonly T[], times: number): T[] {
  return items.flatMap((item) => Array<T>(times).fill(item));
}

/** A network that denoises, with an error in its output. */
export function disturbedNetwork<Inputs, Network extends { predict(inputs: Inputs): Promise<Tensor> }>(
  network: Network,
  disturb: Disturb,
): Network {
  return { ...network, predict: async (inputs: Inputs) => disturb(await network.predict(inputs)) };
}
