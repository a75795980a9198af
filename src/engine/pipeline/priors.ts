import { InputError } from '../../errors.ts';
import type { TorchGenerator } from '../random/torch-generator.ts';
import { concatRows, rows, type Tensor, tensor } from '../tensor.ts';
import { cosine } from '../vectors.ts';
import { type Clip, stackTexts, type TextCondition } from './clip.ts';
import type { Defaults, StageHooks, TextRequest } from './model.ts';
import { type ArPriorStage, sampleArPrior } from './sample-ar-prior.ts';
import { type PriorStage, samplePrior } from './sample-prior.ts';

/** What a model has to make z_i of a text. */
export interface Priors {
  readonly clip: Clip;
  readonly defaults: Defaults;
  readonly diffusion?: PriorStage;
  readonly autoregressive?: ArPriorStage;
}

/**
 * z_i of texts, (R, E): each the nearest to its text, by the cosine of z_i and z_t, of `priorSamples` that are drawn.
 * @param texts  R of them
 * @param away   what guidance leads away from; nothing when empty
 * @throws InputError where the model has not the prior that is asked for
 */
export async function embedTexts(
  priors: Priors,
  texts: readonly string[],
  away: string,
  request: TextRequest,
  generator: TorchGenerator,
  hooks: StageHooks | undefined,
): Promise<Tensor> {
  const { prior = 'diffusion', priorSamples: samples = 1, origin } = request;
  const { clip, diffusion, autoregressive, defaults } = priors;
  if (!diffusion) throw new InputError('this model has no prior: it draws variations of pictures, not from texts');
  if (origin && prior !== 'diffusion') {
    throw new InputError(`only the prior diffusion changes an embedding towards a text (prior strength), not ${prior}`);
  }
  const text = await clip.encodeTexts(texts);
  if (prior === 'none') return asImageEmbeddings(text.textEmbedding, diffusion);
  const repeated = repeatRows(text, samples);
  const sampling = {
    text: repeated,
    unconditional: await clip.encodeTexts(Array<string>(texts.length * samples).fill(away)),
    guidanceScale: request.priorGuidanceScale ?? defaults.priorGuidanceScale,
    generator,
  };
  if (prior === 'diffusion') {
    const drawn = await samplePrior(diffusion, {
      ...sampling,
      steps: defaults.priorSteps,
      origin: origin && { ...origin, sample: concatRows(Array<Tensor>(texts.length * samples).fill(origin.sample)) },
      ...hooks,
    });
    return nearestOfEach(drawn, text.textEmbedding, samples);
  }
  if (!autoregressive) {
    throw new InputError('this model has no autoregressive prior: draw with the prior diffusion or none, or train one');
  }
  const drawn = await sampleArPrior(autoregressive, {
    ...sampling,
    isUnconditionalEmpty: away === '',
    signal: hooks?.signal,
  });
  return nearestOfEach(drawn, text.textEmbedding, samples);
}

/**
 * No prior: z_t in the place of z_i (Ramesh et al. 2022, 5.1, "zero-shot"), as long as image embeddings are:
 * |z_i| = √Σ(mean² + deviation²).
 */
function asImageEmbeddings({ data, shape }: Tensor, { prior }: PriorStage): Tensor {
  const { clipMean, clipStd } = prior;
  const usual = Math.sqrt(clipMean.reduce((sum, mean, d) => sum + mean ** 2 + clipStd[d]! ** 2, 0));
  const scaled = Array.from({ length: shape[0]! }, (_, row) => {
    const embedding = data.subarray(row * clipMean.length, (row + 1) * clipMean.length);
    return tensor(
      embedding.map((value) => (value * usual) / Math.hypot(...embedding)),
      [1, clipMean.length],
    );
  });
  return concatRows(scaled);
}

const row = (x: Tensor, i: number) => rows(x, i, i + 1);

/** Each row `times` times, one after another. */
function repeatRows(text: TextCondition, times: number): TextCondition {
  if (times === 1) return text;
  const { textEmbedding, textHidden, textMask } = text;
  return stackTexts(
    Array.from({ length: textEmbedding.shape[0]! * times }, (_, i) => {
      const from = Math.floor(i / times);
      return {
        textEmbedding: row(textEmbedding, from),
        textHidden: row(textHidden, from),
        textMask: row(textMask, from),
      };
    }),
  );
}

/** Rerank: of the z_i of each text, (R·samples, E), the one with the greatest cosine with z_t, (R, E). */
function nearestOfEach(drawn: Tensor, textEmbeddings: Tensor, samples: number): Tensor {
  if (samples === 1) return drawn;
  const best = Array.from({ length: textEmbeddings.shape[0]! }, (_, text) => {
    const candidates = Array.from({ length: samples }, (_, i) => row(drawn, text * samples + i));
    const nearness = candidates.map((candidate) => cosine(candidate.data, row(textEmbeddings, text).data));
    return candidates[nearness.indexOf(Math.max(...nearness))]!;
  });
  return concatRows(best);
}
