import type { Denoiser, StepReport } from '../../diffusion/sampler.ts';
import type { Scheduler } from '../../diffusion/scheduler.ts';
import { concatRows, rows, type Tensor, tensor } from '../../tensor.ts';
import type { Again, Comparison } from './check.ts';
import type { Tolerance } from './measure.ts';

/** The steps of a stage, which the reference calls `<stage>.<nn>`. */
export class StageSteps {
  readonly #stage: string;
  readonly #comparison: Comparison;
  readonly #again: Again | undefined;
  readonly #row: number | undefined;
  readonly #reports: StepReport[] = [];
  /** What each step began with, as computed here. */
  readonly #samples: Tensor[] = [];

  /** @param row  of the reference's batch, where pictures are drawn one by one */
  constructor(stage: string, comparison: Comparison, again?: Again, row?: number) {
    this.#stage = stage;
    this.#comparison = comparison;
    this.#again = again;
    this.#row = row;
  }

  /** The scheduler, with its steps recorded, and taken as they are to be taken. */
  watch(scheduler: Scheduler): Scheduler {
    return {
      ...scheduler,
      sampler: (denoise, x, schedule, options) => {
        this.#samples.push(x);
        return scheduler.sampler(this.#disturbed(denoise), x, schedule, {
          ...options,
          onStep: (report) => this.#reports.push(report),
          afterStep: (next, alphaBar) => {
            const sample = options.afterStep?.(next, alphaBar) ?? next;
            this.#samples[this.#reports.length] = sample;
            if (!this.#again) return sample;
            const isLast = alphaBar === 1;
            return isLast ? disturb(sample, this.#again.error) : (this.#reference() ?? sample);
          },
        });
      },
    };
  }

  #disturbed(denoise: Denoiser): Denoiser {
    const again = this.#again;
    return again ? async (x, t) => disturb(await denoise(x, t), again.error) : denoise;
  }

  /** Where the reference was after the last step. */
  #reference(): Tensor | undefined {
    const next = this.#reports.length;
    const { expected } = this.#comparison;
    const sample = expected.get(`${this.#name(next)}.sample`) ?? expected.get(`${this.#name(next - 1)}.prev_sample`);
    return sample && this.#row !== undefined ? rows(sample, this.#row, this.#row + 1) : sample;
  }

  #name(step: number): string {
    return `${this.#stage}.${String(step).padStart(2, '0')}`;
  }

  /** Compares sample, prediction and next sample of each step, and the timesteps. */
  compare(tolerance: Tolerance): void {
    for (const [i, { sample, modelOutput, prevSample }] of this.#reports.entries()) {
      this.#comparison.compare(`${this.#name(i)}.sample`, this.#samples[i] ?? sample, tolerance);
      this.#comparison.compare(`${this.#name(i)}.model_output`, modelOutput, tolerance);
      this.#comparison.compare(`${this.#name(i)}.prev_sample`, prevSample, tolerance);
    }
    const timesteps = Float32Array.from(this.#reports, ({ t }) => t);
    this.#comparison.compare(`${this.#stage}.timesteps`, tensor(timesteps, [timesteps.length]), { max: 0 });
  }

  /** Compares where each step led, for pictures that were drawn one by one. */
  static compareRows(pictures: readonly StageSteps[], tolerance: Tolerance): void {
    const [first] = pictures as readonly [StageSteps, ...StageSteps[]];
    for (const i of first.#reports.keys()) {
      const prevSample = concatRows(pictures.map((steps) => steps.#reports[i]!.prevSample));
      first.#comparison.compare(`${first.#name(i)}.prev_sample`, prevSample, tolerance);
    }
  }
}

function disturb({ data, shape }: Tensor, error: number): Tensor {
  const size = error * Math.sqrt(data.reduce((sum, value) => sum + value ** 2, 0) / data.length);
  return { data: data.map((value, i) => value + (i % 2 === 0 ? size : -size)), shape };
}

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
