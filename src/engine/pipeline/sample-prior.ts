import { withGuidance } from '../diffusion/guidance.ts';
import type { StepReport } from '../diffusion/sampler.ts';
import type { TorchGenerator } from '../random/torch-generator.ts';
import { concatRows, type Tensor, tensor } from '../tensor.ts';
import type { Kandinsky, TextCondition } from './kandinsky.ts';

export interface PriorRequest {
  /** R rows, one for each embedding. */
  readonly text: TextCondition;
  /** What guidance leads away from, the empty text or the negative prompt: R rows too. */
  readonly unconditional: TextCondition;
  readonly steps: number;
  /** 1 or less: no guidance. */
  readonly guidanceScale: number;
  readonly generator: TorchGenerator;
  readonly signal?: AbortSignal;
  readonly onStep?: (report: StepReport) => void;
}

/**
 * The diffusion prior, Ramesh et al. 2022, section 2.2: z_i ~ P(z_i | text), (R, E).
 * The network works on embeddings normalised to zero mean and unit variance and predicts the clean one.
 * Differs from the paper: one sample for each row, not the better of two by z_i·z_t.
 */
export async function samplePrior(model: Kandinsky, request: PriorRequest): Promise<Tensor> {
  const { prior, priorScheduler } = model;
  const { text, unconditional, guidanceScale, generator } = request;
  const shape = text.textEmbedding.shape;
  const guided = guidanceScale > 1;
  const condition = guided ? stack([unconditional, text]) : text;
  const network = (sample: Tensor, t: number) =>
    prior.predict({ sample, timestep: Array(sample.shape[0]).fill(t), ...condition });

  const schedule = priorScheduler.schedule(request.steps);
  const noise = () => generator.randn(shape);
  const start = scale(noise(), schedule.initNoiseSigma);
  const normalised = await priorScheduler.sampler(
    guided ? withGuidance(network, guidanceScale) : network,
    start,
    schedule,
    { noise, signal: request.signal, onStep: request.onStep },
  );
  const width = prior.clipMean.length;
  return tensor(
    normalised.data.map((value, i) => value * prior.clipStd[i % width]! + prior.clipMean[i % width]!),
    shape,
  );
}

export function scale(x: Tensor, factor: number): Tensor {
  return factor === 1
    ? x
    : tensor(
        x.data.map((value) => value * factor),
        x.shape,
      );
}

function stack(parts: readonly TextCondition[]): TextCondition {
  return {
    textEmbedding: concatRows(parts.map((part) => part.textEmbedding)),
    textHidden: concatRows(parts.map((part) => part.textHidden)),
    textMask: concatRows(parts.map((part) => part.textMask)),
  };
}
