import { InputError } from '../../../errors.ts';
import type { PriorName } from '../../../recipe.ts';
import { meanOfRows } from '../../pca/components.ts';
import type { Model } from '../../pipeline/model.ts';
import { openModel } from '../../pipeline/open-model.ts';
import { TorchGenerator } from '../../random/torch-generator.ts';
import { openJudge } from '../../runtime/networks/judge.ts';
import type { RuntimeOptions } from '../../runtime/runtime.ts';
import { concatRows, rows, type Tensor } from '../../tensor.ts';
import { nameWithStyle } from '../../training/data/captions.ts';
import { Dataset } from '../../training/data/dataset.ts';
import { indicesOf, onWhite } from '../../training/tasks/pictures.ts';
import { largest, products, unitRows } from '../../vectors.ts';
import { type Bench, openBench } from './bench.ts';
import { drawnBy } from './draw-questions.ts';
import { answer, shareOf } from './drawings.ts';
import { type Drawn, QUESTIONS } from './questions.ts';

/** The ways from text to z_i that are compared (Ramesh et al. 2022, 5.1 and table 2). */
const WAYS: readonly { readonly prior: PriorName; readonly priorSamples: number }[] = [
  { prior: 'none', priorSamples: 1 },
  { prior: 'ar', priorSamples: 1 },
  { prior: 'ar', priorSamples: 2 },
  { prior: 'diffusion', priorSamples: 1 },
  { prior: 'diffusion', priorSamples: 2 },
];
type Way = (typeof WAYS)[number];

/** How good one way is; or why the model doesn't have it. */
export type PriorRow = Way & ({ readonly reason: string } | PriorFigures);

interface PriorFigures {
  /** Mean cosine of z_i with that of the picture that the caption is of. */
  readonly cosine: number;
  /** The same with the mean of the held-out pictures taken from both. */
  readonly centred: number;
  /** Share of captions whose z_i is nearest, of all held-out pictures, to the right one. */
  readonly found: number;
  /** Of one z_i. */
  readonly seconds: number;
  /** What the judge says of pictures drawn with it, where asked for. */
  readonly judged: Partial<Record<Drawn, number>>;
}

export interface PriorsOptions {
  readonly model: string;
  readonly data: string;
  readonly judge: string;
  /** Figures of drawn pictures, which take long. */
  readonly drawn: readonly Drawn[];
  readonly runtime: RuntimeOptions;
  readonly onProgress: (stage: string, done: number, total: number) => void;
}

/**
 * Is the prior needed, and which? Each way makes z_i of the captions of held-out pairs, seed 0.
 * @throws InputError for a folder that is no model, no data set, one without held-out pairs, or without a judge where one is needed
 */
export async function comparePriors(options: PriorsOptions): Promise<PriorRow[]> {
  const dataset = new Dataset(options.data);
  const model = await openModel(options.model, options.runtime);
  const judge = options.drawn.length > 0 ? await openJudge(options.judge, options.runtime) : undefined;
  try {
    const heldOut = await embedHeldOut(model, dataset);
    const training = indicesOf(dataset, 'train').length;
    const bench = judge && (await openBench(judge, dataset, (done) => options.onProgress('judge', done, training)));
    const compared: PriorRow[] = [];
    for (const way of WAYS) {
      const reason = await whyMissing(model, way);
      if (reason !== undefined) compared.push({ ...way, reason });
      else {
        const measured = await measureWay(model, way, heldOut, options);
        compared.push({ ...way, ...measured, judged: await judgeWay(model, way, bench, dataset, options) });
      }
    }
    return compared;
  } finally {
    dataset.close();
    await Promise.all([judge?.close(), model.close()]);
  }
}

async function whyMissing(model: Model, way: Way): Promise<string | undefined> {
  try {
    await model.embedText({ prompt: 'a', ...way }, new TorchGenerator(0));
    return undefined;
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
}

interface HeldOut {
  readonly captions: readonly string[];
  /** z_i of the picture of each, (R, E). */
  readonly pictures: Tensor;
}

async function embedHeldOut(model: Model, dataset: Dataset): Promise<HeldOut> {
  const indices = indicesOf(dataset, 'held-out-pair');
  if (indices.length === 0) throw new InputError('the data set has no held-out pairs to compare priors by');
  const pictures = [];
  for (const index of indices) pictures.push(await model.embedPicture(onWhite(dataset.read(index))));
  const captions = indices.map((index) => {
    const { name, style } = dataset.records[index]!;
    return nameWithStyle(name, style);
  });
  return { captions, pictures: concatRows(pictures) };
}

async function measureWay(model: Model, way: Way, { captions, pictures }: HeldOut, options: PriorsOptions) {
  const embeddings: Tensor[] = [];
  const start = performance.now();
  for (const prompt of captions) {
    embeddings.push((await model.embedText({ prompt, ...way }, new TorchGenerator(0))).imageEmbedding);
    options.onProgress(nameOf(way), embeddings.length, captions.length);
  }
  const seconds = (performance.now() - start) / 1000 / captions.length;
  const drawn = concatRows(embeddings);
  const mean = meanOfRows(pictures);
  const unit = unitRows(pictures);
  const found = captions.filter((_, i) => largest(products(unit, rows(drawn, i, i + 1).data)) === i).length;
  return {
    cosine: meanCosine(drawn, pictures),
    centred: meanCosine(less(drawn, mean), less(pictures, mean)),
    found: found / captions.length,
    seconds,
  };
}

async function judgeWay(
  model: Model,
  way: Way,
  bench: Bench | undefined,
  dataset: Dataset,
  options: PriorsOptions,
): Promise<Partial<Record<Drawn, number>>> {
  const judged: Partial<Record<Drawn, number>> = {};
  for (const name of bench ? options.drawn : []) {
    const { ask, stage } = QUESTIONS[name];
    const onProgress = (done: number, total: number) => options.onProgress(`${nameOf(way)}: ${stage}`, done, total);
    const answers = await answer(drawnBy(model, way), bench!, ask(dataset, bench!.known), onProgress);
    const { value } = shareOf(answers, undefined);
    if (value !== null) judged[name] = value;
  }
  return judged;
}

/** `ar`, `ar, best of 2`. */
export const nameOf = ({ prior, priorSamples }: Way) =>
  priorSamples === 1 ? prior : `${prior}, best of ${priorSamples}`;

const less = ({ data, shape }: Tensor, mean: Float32Array): Tensor => ({
  data: data.map((value, i) => value - mean[i % mean.length]!),
  shape,
});

/** Mean over the rows of both. */
function meanCosine(a: Tensor, b: Tensor): number {
  const [left, right] = [unitRows(a), unitRows(b)];
  return left.data.reduce((sum, value, i) => sum + value * right.data[i]!, 0) / a.shape[0]!;
}
