import { z } from 'zod';
import type { Denoiser } from '../../diffusion/sampler.ts';
import { schedulerFromConfig } from '../../diffusion/scheduler.ts';
import { TorchGenerator } from '../../random/torch-generator.ts';
import { type Tensor, tensor } from '../../tensor.ts';
import type { Check } from './check.ts';
import type { Comparison } from './comparison.ts';

const Case = z.object({
  name: z.string(),
  scheduler: z.string(),
  scheduler_config: z.record(z.string(), z.unknown()),
  step: z.object({ eta: z.number().optional() }),
  steps: z.number(),
  timesteps: z.array(z.number()),
});
type Case = z.infer<typeof Case>;

/** Whole trajectories of samplers, with a closed form in place of the network. */
export const schedulers: Check = {
  name: 'schedulers',
  recognises: (folder) => folder.hasCasesWith('scheduler', 'scheduler_config', 'steps', 'timesteps'),

  async run(folder, comparison) {
    const { cases } = z.object({ cases: z.array(Case) }).parse(await folder.json('case.json'));
    for (const setup of cases) {
      try {
        await checkTrajectory(setup, comparison);
      } catch (error) {
        comparison.fail(`${setup.name}.trajectory`, (error as Error).message);
      }
    }
  },
};

async function checkTrajectory(setup: Case, comparison: Comparison): Promise<void> {
  const { name, steps } = setup;
  const { shape } = comparison.input(`${name}.start`);
  const scheduler = schedulerFromConfig({ ...setup.scheduler_config, _class_name: setup.scheduler }, name);
  const schedule = scheduler.schedule(steps);
  const { data } = new TorchGenerator(100 + steps).randn(shape);
  const start = tensor(
    data.map((value) => value * schedule.initNoiseSigma),
    shape,
  );
  const generator = new TorchGenerator(7);
  const timesteps: number[] = [];
  const samples: Tensor[] = [];
  await scheduler.sampler(closedForm(setup), start, schedule, {
    noise: () => generator.randn(shape),
    eta: setup.step.eta ?? 0,
    onStep({ t, prevSample }) {
      timesteps.push(t);
      samples.push(prevSample);
    },
  });
  const trajectory = comparison.input(`${name}.trajectory`);
  comparison.compare(`${name}.timesteps`, vector(timesteps), { max: 1e-4 }, vector(setup.timesteps));
  comparison.compare(`${name}.start`, start, tolerance(comparison.input(`${name}.start`)));
  comparison.compare(`${name}.trajectory`, stack(samples), tolerance(trajectory));
}

/** tanh(x/2 + t/1000 − 0.3); where a variance is learned, sin(x) on further channels. */
function closedForm({ scheduler_config }: Case): Denoiser {
  const learned = String(scheduler_config.variance_type).startsWith('learned');
  return async ({ data, shape: [batch, channels, ...rest] }, t) => {
    const prediction = data.map((x) => Math.tanh(0.5 * x + t / 1000 - 0.3));
    if (!learned) return tensor(prediction, [batch!, channels!, ...rest]);
    const output = new Float32Array(2 * data.length);
    const length = data.length / batch!;
    for (let from = 0; from < data.length; from += length) {
      output.set(prediction.subarray(from, from + length), 2 * from);
      output.set(data.subarray(from, from + length).map(Math.sin), 2 * from + length);
    }
    return tensor(output, [batch!, 2 * channels!, ...rest]);
  };
}

/** 1e-4, or the last of the digits that float32 holds: samplers that work on x0 + σ·ε begin with values in the thousands. */
function tolerance({ data }: Tensor) {
  const largest = data.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
  return { max: Math.max(1e-4, 1e-6 * (Number.isNaN(largest) ? 0 : largest)) };
}

const vector = (values: readonly number[]) => tensor(Float32Array.from(values), [values.length]);

function stack(samples: readonly Tensor[]): Tensor {
  const data = Float32Array.from(samples.flatMap((sample) => [...sample.data]));
  return tensor(data, [samples.length, ...(samples[0]?.shape ?? [])]);
}
