import { withGuidance } from '../diffusion/guidance.ts';
import type { StepReport } from '../diffusion/sampler.ts';
import type { Scheduler } from '../diffusion/scheduler.ts';
import type { TorchGenerator } from '../random/torch-generator.ts';
import type { Prior } from '../runtime/networks/prior.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { stackTexts, type TextCondition } from './clip.ts';
import { begin, type Origin } from './origin.ts';

/** The networks of this stage. */
export interface PriorStage {
  readonly prior: Prior;
  readonly priorScheduler: Scheduler;
}

export interface PriorRequest {
  /** R rows, one for each embedding. */
  readonly text: TextCondition;
  /** What guidance leads away from, the empty text or the negative prompt: R rows too. */
  readonly unconditional: TextCondition;
  readonly steps: number;
  /** 1 or less: no guidance. */
  readonly guidanceScale: number;
  /** An embedding (R, E) to change towards the text; noised as it is, not normalised, as diffusers does. */
  readonly origin?: Origin;
  readonly generator: TorchGenerator;
  readonly signal?: AbortSignal;
  readonly onStep?: (report: StepReport) => void;
}

/**
 * The diffusion prior, Ramesh et al. 2022, section 2.2: z_i ~ P(z_i | text), (R, E).
 * The network works on embeddings normalised to zero mean and unit variance and predicts the clean one.
 * Differs from the paper: one sample for each row, not the better of two by z_i·z_t.
 */
export async function samplePrior({ prior, priorScheduler }: PriorStage, request: PriorRequest): Promise<Tensor> {
  const { text, unconditional, guidanceScale, generator } = request;
  const { shape } = text.textEmbedding;
  const guided = guidanceScale > 1;
  const condition = guided ? stackTexts([unconditional, text]) : text;
  const memory = await prior.read(condition);
  const network = (sample: Tensor, t: number) =>
    prior.predict({ sample, timestep: Array(sample.shape[0]).fill(t), textMask: condition.textMask, ...memory });

  const noise = () => generator.randn(shape);
  const { schedule, x } = begin(priorScheduler, request.steps, noise(), request.origin);
  const normalised = await priorScheduler.sampler(
    guided ? withGuidance(network, guidanceScale) : network,
    x,
    schedule,
    { noise, signal: request.signal, onStep: request.onStep },
  );
  const width = prior.clipMean.length;
  return tensor(
    normalised.data.map((value, i) => value * prior.clipStd[i % width]! + prior.clipMean[i % width]!),
    shape,
  );
}
