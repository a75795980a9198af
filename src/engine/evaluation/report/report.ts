import { existsSync } from 'node:fs';
import { InputError } from '../../../errors.ts';
import { PriorConfig } from '../../networks/prior.ts';
import { openClip } from '../../pipeline/clip.ts';
import { readKandinskyFolder } from '../../pipeline/kandinsky-folder.ts';
import { openModel } from '../../pipeline/open-model.ts';
import { hasJudge, noJudge, openJudge } from '../../runtime/networks/judge.ts';
import { openMovq } from '../../runtime/networks/movq.ts';
import type { RuntimeOptions } from '../../runtime/runtime.ts';
import { Dataset } from '../../training/data/dataset.ts';
import { openComponent } from '../../weights/component.ts';
import { describeKnown, openBench } from './bench.ts';
import { drawnBy } from './draw-questions.ts';
import { type Answer, answer, type DrawQuestions, judgeReal, shareOf } from './drawings.ts';
import { measureClip, measureMovq } from './encoders.ts';
import { FIGURES, type Figure, type FigureName, type Report } from './figures.ts';
import { DRAWN, type Drawn, QUESTIONS } from './questions.ts';
import { measureStep } from './step-vs-torch.ts';
import { findTorchPython } from './torch-python.ts';
import { weightsMb } from './weights.ts';

/** How drawn pictures are judged. */
export interface JudgingOptions {
  /** Folder of the judge, which may not be there. */
  readonly judge: string;
  readonly runtime: RuntimeOptions;
  /** At each bit of work that is done. */
  readonly onProgress: (stage: string, done: number, total: number) => void;
  /** Is shown what was drawn for a figure. */
  readonly onAnswers: (figure: FigureName, answers: readonly Answer[]) => Promise<void>;
}

export interface ReportOptions extends JudgingOptions {
  /** Model folder. */
  readonly model: string;
  /** Folder of the data set. */
  readonly data: string;
  /** Weights that lie in the repository beside the model's. */
  readonly beside: readonly string[];
  /** What to measure, all when absent. */
  readonly only?: readonly FigureName[];
  /** With torch and diffusers; looked for when absent. */
  readonly python?: string;
  readonly say: (line: string) => void;
}

/**
 * Measures a model by what it was not trained on, through the pipeline that serves it. What is asked for is fixed by hashes, seeds are
 * 0, 1, …, and nothing is picked.
 * @throws InputError for a folder that is no model of ours, no data set or no judge
 */
export async function measure(options: ReportOptions): Promise<Report> {
  const { components } = await readKandinskyFolder(options.model);
  const wanted = (name: FigureName) => options.only === undefined || options.only.includes(name);
  const report = notMeasured(FIGURES, 'not asked for');
  if (FIGURES.some((name) => wanted(name) && name !== 'weights_mb'))
    Object.assign(report, await measureOnPictures(components, wanted, options));
  if (wanted('weights_mb')) {
    const folders = [options.model, ...options.beside.filter((folder) => existsSync(folder))];
    report.weights_mb = { value: await weightsMb(folders), note: folders.join(' and ') };
  }
  return report;
}

/** The figures that a data set is needed for. */
async function measureOnPictures(
  components: Components,
  wanted: (name: FigureName) => boolean,
  options: ReportOptions,
): Promise<Partial<Report>> {
  const dataset = new Dataset(options.data);
  const report: Partial<Record<FigureName, Figure>> = {};
  if (wanted('movq_psnr')) report.movq_psnr = await measureAutoencoder(components.movq, dataset, options);
  if (wanted('clip_pair_top1')) report.clip_pair_top1 = await measureEncoders(components, dataset, options);
  const openDrawer = async () => {
    const model = await openModel(options.model, options.runtime);
    return { draw: drawnBy(model), close: () => model.close() };
  };
  Object.assign(report, await measureDrawings(openDrawer, DRAWN.filter(wanted), dataset, options));
  if (wanted('step_vs_torch')) report.step_vs_torch = await measureSpeed(components.unet, dataset, options);
  dataset.close();
  return report;
}

export const notMeasured = <Name extends FigureName>(names: readonly Name[], reason: string): Record<Name, Figure> =>
  Object.fromEntries(names.map((name) => [name, { value: null, reason }])) as Record<Name, Figure>;

async function measureAutoencoder(folder: string, dataset: Dataset, { runtime, onProgress }: ReportOptions) {
  const movq = await openMovq(folder, runtime);
  return measureMovq(movq, dataset, (...at) => onProgress('autoencoder', ...at)).finally(() => movq.close());
}

type Components = Awaited<ReturnType<typeof readKandinskyFolder>>['components'];

async function measureEncoders(components: Components, dataset: Dataset, { runtime, onProgress }: ReportOptions) {
  const { embedding_dim: width } = (await openComponent(components.prior, 'PriorTransformer', PriorConfig)).config;
  const clip = await openClip(components, { width, component: 'prior' }, runtime);
  return measureClip(clip, dataset, (...at) => onProgress('CLIP', ...at)).finally(() => clip.close());
}

/** What pictures come from, and how it is let go of. */
export interface Drawer {
  readonly draw: DrawQuestions;
  close(): Promise<void>;
}

/**
 * What the judge says of what is drawn.
 * @param openDrawer is called when there are figures to measure, and a judge
 */
export async function measureDrawings(
  openDrawer: () => Promise<Drawer>,
  figures: readonly Drawn[],
  dataset: Dataset,
  options: JudgingOptions,
): Promise<Partial<Record<Drawn, Figure>>> {
  if (figures.length === 0) return {};
  if (!hasJudge(options.judge)) return notMeasured(figures, noJudge(options.judge));
  const judge = await openJudge(options.judge, options.runtime);
  const drawer = await openDrawer();
  try {
    const training = dataset.records.filter(({ split }) => split === 'train').length;
    const bench = await openBench(judge, dataset, (done) => options.onProgress('judge', done, training));
    if (bench.known.size === 0) return notMeasured(figures, `${options.judge} knows none of the data set's names`);
    const known = describeKnown(bench, dataset);
    const real = await judgeReal(bench, dataset);
    const ofReal = { prompt_top1: real?.concept, pair_top1: real?.both, hyponym_top1: real?.concept };
    const measured: Partial<Record<Drawn, Figure>> = {};
    for (const name of figures) {
      const { ask, stage } = QUESTIONS[name];
      const onProgress = (done: number, total: number) => options.onProgress(stage, done, total);
      const answers = await answer(drawer.draw, bench, ask(dataset, bench.known), onProgress);
      await options.onAnswers(name, answers);
      const figure = shareOf(answers, ofReal[name]);
      measured[name] = figure.value === null ? figure : { ...figure, note: `${figure.note}; ${known}` };
    }
    return measured;
  } finally {
    await Promise.all([judge.close(), drawer.close()]);
  }
}

async function measureSpeed(unet: string, dataset: Dataset, options: ReportOptions): Promise<Figure> {
  const python = await findTorchPython(options.python, options.say);
  if ('reason' in python) return { value: null, reason: python.reason };
  const onProgress = (done: number, total: number) => options.onProgress('speed', done, total);
  try {
    return await measureStep({ model: options.model, unet, dataset, python: python.program, onProgress });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    // the figures before it have taken long, and hold without this one
    return { value: null, reason: error.message };
  }
}
