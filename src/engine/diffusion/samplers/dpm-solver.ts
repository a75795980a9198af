import type { Tensor } from '../../tensor.ts';
import { combine } from '../combine.ts';
import { predict } from '../prediction.ts';
import { afterStep, type Sampler } from '../sampler.ts';
import type { Schedule } from '../schedule.ts';
import { sigmaFromAlphaBar } from '../sigmas.ts';

/** An x0 that was predicted, at λ = ln(√ᾱ/√(1−ᾱ)), half the log of the signal to noise ratio. */
interface Evaluation {
  readonly x0: Tensor;
  readonly lambda: number;
}

/**
 * DPM-Solver++, Lu et al. 2022, algorithm 2 (multistep): x0 as a polynomial in λ through the last predictions,
 * integrated exactly over the step. `sde-dpmsolver++` adds noise on the way.
 */
export const sampleDpmSolver: Sampler = async (denoise, x, schedule, options) => {
  const steps = schedule.steps.length;
  let evaluations: Evaluation[] = [];
  for (const [index, { t, alphaBar, alphaBarNext }] of schedule.steps.entries()) {
    options.signal?.throwIfAborted();
    const modelOutput = await denoise(x, t);
    const { x0 } = predict(modelOutput, x, alphaBar, schedule.config);
    const latest = { x0, lambda: -Math.log(sigmaFromAlphaBar(alphaBar)) };
    evaluations = [latest, ...evaluations].slice(0, orderAt(steps - 1 - index, schedule));
    const stochastic = schedule.config.algorithm_type === 'sde-dpmsolver++';
    const h = -Math.log(sigmaFromAlphaBar(alphaBarNext)) - latest.lambda;
    const [noiseLeft, noiseNew] = stochastic ? [Math.exp(-h), Math.sqrt(1 - Math.exp(-2 * h))] : [1, 0];
    const drift = integrate(evaluations, h, stochastic ? 2 * h : h, schedule.config.solver_type);
    const prevSample = combine(
      [Math.sqrt((1 - alphaBarNext) / (1 - alphaBar)) * noiseLeft, x],
      ...drift.map(([weight, tensor]) => [Math.sqrt(alphaBarNext) * weight, tensor] as const),
      ...(stochastic ? [[Math.sqrt(1 - alphaBarNext) * noiseNew, options.noise()] as const] : []),
    );
    options.onStep?.({ step: index, steps, t, sample: x, modelOutput, prevSample, x0 });
    x = afterStep(prevSample, index, schedule, options);
  }
  return x;
};

/** The last steps are the least smooth: lower orders keep few steps stable. */
function orderAt(stepsLeft: number, { config, count }: Schedule): number {
  const { solver_order, lower_order_final, euler_at_final, final_sigmas_type } = config;
  const careful = lower_order_final && count < 15;
  if (stepsLeft === 0 && (careful || euler_at_final || final_sigmas_type === 'zero')) return 1;
  if (stepsLeft === 1 && careful) return Math.min(solver_order, 2);
  return solver_order;
}

/**
 * ∫ of x0(λ) over the step, as weighted tensors. Newest evaluation first: one makes x0 constant, two linear, three
 * quadratic.
 * @param h  length of the step in λ
 * @param k  h, twice that with noise
 */
function integrate(
  [m0, m1, m2]: readonly Evaluation[],
  h: number,
  k: number,
  solverType: 'midpoint' | 'heun',
): (readonly [number, Tensor])[] {
  const phi = 1 - Math.exp(-k);
  const constant = [phi, m0!.x0] as const;
  if (!m1) return [constant];
  const r0 = (m0!.lambda - m1.lambda) / h;
  const slope = combine([1 / r0, m0!.x0], [-1 / r0, m1.x0]);
  if (!m2) return [constant, [solverType === 'heun' ? 1 - phi / k : phi / 2, slope]];
  const r1 = (m1.lambda - m2.lambda) / h;
  const slopeBefore = combine([1 / r1, m1.x0], [-1 / r1, m2.x0]);
  const curvature = combine([1 / (r0 + r1), slope], [-1 / (r0 + r1), slopeBefore]);
  return [constant, [1 - phi / k, combine([1, slope], [r0, curvature])], [1 / 2 - (k - phi) / k ** 2, curvature]];
}
