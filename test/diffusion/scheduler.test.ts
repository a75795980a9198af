import { describe, expect, test } from 'vitest';
import { schedulerFromConfig } from '../../src/engine/diffusion/scheduler.ts';
import { InputError } from '../../src/errors.ts';
import { SAMPLERS } from '../../src/recipe.ts';

const unclip = { _class_name: 'UnCLIPScheduler', prediction_type: 'sample', clip_sample_range: 5 };
const ddim = { _class_name: 'DDIMScheduler', beta_start: 0.00085, beta_end: 0.012 };
const open = (config: unknown) => schedulerFromConfig(config, 'scheduler/scheduler_config.json');
const timesteps = (config: unknown, count: number) =>
  open(config)
    .schedule(count)
    .steps.map(({ t }) => t);

describe('timesteps', () => {
  test('as diffusers spaces them', () => {
    expect(timesteps(unclip, 3)).toEqual([999, 500, 0]);
    expect(timesteps({ ...ddim, steps_offset: 1 }, 5)).toEqual([801, 601, 401, 201, 1]);
    expect(timesteps({ ...ddim, timestep_spacing: 'trailing' }, 5)).toEqual([999, 799, 599, 399, 199]);
    expect(timesteps({ ...ddim, timestep_spacing: 'linspace' }, 5)).toEqual([999, 749, 500, 250, 0]);
    expect(timesteps({ ...ddim, _class_name: 'EulerDiscreteScheduler' }, 5)).toEqual([999, 749.25, 499.5, 249.75, 0]);
  });

  test('halves go to the even neighbour, as numpy rounds', () => {
    // 12.5 apart
    expect(timesteps({ ...ddim, timestep_spacing: 'trailing' }, 80).slice(-4)).toEqual([49, 37, 24, 11]);
  });

  test('one step of UnCLIP starts from noise', () => {
    expect(timesteps(unclip, 1)).toEqual([999]);
    expect(open(unclip).schedule(1).steps[0]?.alphaBarNext).toBe(1);
  });

  test.each(SAMPLERS)('%s takes from 1 step to as many as it was trained on, and says so', (name) => {
    const scheduler = open({ ...ddim, num_train_timesteps: 50 }).withSampler(name);
    for (const count of [1, 2, 49]) expect(scheduler.schedule(count).steps).toHaveLength(count);
    for (const count of [0, -1, 1.5, 51, Number.NaN]) {
      expect(() => scheduler.schedule(count)).toThrow(InputError);
      expect(() => scheduler.schedule(count)).toThrow(
        `scheduler/scheduler_config.json: steps must be a whole number from 1 to 50, not ${count}`,
      );
    }
  });

  test('steps that reach beyond the training timesteps are refused', () => {
    expect(() => open({ ...ddim, steps_offset: 1 }).schedule(1000)).toThrow('beyond timestep 999');
    expect(() => open(ddim).withSampler('dpmpp-2m').schedule(1000)).toThrow('visit a timestep twice');
  });

  test('a start outside the schedule is refused', () => {
    expect(() => open(ddim).schedule(5, 5)).toThrow('the first step must be a whole number from 0 to 4, not 5');
  });
});

test('the variance of UnCLIP at a step of one timestep', () => {
  const { alphaBar, alphaBarNext, beta } = open(unclip).schedule(1000).steps[999 - 487]!;
  // a figure published with the reference implementation
  expect(Math.sqrt(((1 - alphaBarNext) / (1 - alphaBar)) * beta)).toBeCloseTo(0.0549625, 6);
});

describe('scheduler_config.json', () => {
  test('every sampler name gives a scheduler of that name', () => {
    for (const name of SAMPLERS) expect(open(ddim).withSampler(name).name).toBe(name);
  });

  test('another sampler keeps the noise, the prediction type and the spacing', () => {
    const config = { ...ddim, prediction_type: 'v_prediction', timestep_spacing: 'trailing', steps_offset: 1 };
    const schedule = open(config).withSampler('euler').schedule(4);
    expect(schedule.steps.map(({ t }) => t)).toEqual(timesteps(config, 4));
    expect(schedule.steps[0]?.alphaBar).toBeCloseTo(open(config).schedule(4).steps[0]!.alphaBar, 8);
    expect(schedule.config.prediction_type).toBe('v_prediction');
  });

  test('UnCLIP has no spacing to keep: others visit its noise evenly, from the noisy end', () => {
    const steps = (name: 'ddim' | 'ddpm') =>
      open(unclip)
        .withSampler(name)
        .schedule(4)
        .steps.map(({ t }) => t);
    expect(steps('ddim')).toEqual([999, 749, 499, 249]);
    expect(steps('ddpm')).toEqual([999, 749, 499, 249]);
    expect(
      open(ddim)
        .withSampler('unclip')
        .schedule(4)
        .steps.map(({ t }) => t),
    ).toEqual([999, 666, 333, 0]);
  });

  test('whether a variance is learned', () => {
    expect(open(unclip).learnsVariance).toBe(false);
    expect(open({ ...unclip, variance_type: 'learned_range' }).learnsVariance).toBe(true);
    expect(open({ ...unclip, variance_type: 'learned_range' }).withSampler('ddim').learnsVariance).toBe(false);
  });

  test('keys of other schedulers, which diffusers keeps and ignores, change nothing', () => {
    expect(timesteps({ ...unclip, timestep_spacing: 'trailing', skip_prk_steps: true }, 3)).toEqual([999, 500, 0]);
  });

  test.each([
    [null, 'expected one of UnCLIPScheduler, DDPMScheduler'],
    [{ ...ddim, _class_name: 'PNDMScheduler' }, '_class_name: expected one of UnCLIPScheduler'],
    [{ ...ddim, _class_name: 'toString' }, 'found "toString"'],
    [{ ...ddim, gamma: 2 }, 'gamma: expected no such key, found 2'],
    [
      { ...ddim, prediction_type: 'flow' },
      'prediction_type: expected "epsilon" or "sample" or "v_prediction", found "flow"',
    ],
    [{ ...ddim, beta_schedule: 'laplace' }, 'beta_schedule: expected "linear"'],
    [{ ...ddim, num_train_timesteps: '1000' }, 'num_train_timesteps: expected number, found "1000"'],
    [{ ...unclip, beta_schedule: 'linear' }, 'beta_schedule: expected "squaredcos_cap_v2", found "linear"'],
    [{ ...ddim, trained_betas: [0.1, 0.2] }, 'expected num_train_timesteps = 1000 numbers, found 2'],
    [
      { _class_name: 'DPMSolverMultistepScheduler', use_beta_sigmas: true },
      'use_beta_sigmas: expected false, found true',
    ],
  ])('%j is refused', (config, message) => {
    expect(() => open(config)).toThrow(InputError);
    expect(() => open(config)).toThrow(message);
    expect(() => open(config)).toThrow('scheduler/scheduler_config.json: ');
  });
});
