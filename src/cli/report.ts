import { statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { loadConfig, PROJECT_ROOT } from '../config.ts';
import { CARD_FIGURES, writeReport } from '../engine/evaluation/report/card.ts';
import { judgeCompositions } from '../engine/evaluation/report/compositions.ts';
import { formatCompositions } from '../engine/evaluation/report/compositions-table.ts';
import type { Answer, DrawQuestions } from '../engine/evaluation/report/drawings.ts';
import { FIGURES, type FigureName, type Report } from '../engine/evaluation/report/figures.ts';
import { comparePriors, nameOf, type PriorRow } from '../engine/evaluation/report/priors.ts';
import { formatPriors } from '../engine/evaluation/report/priors-table.ts';
import { DRAWN } from '../engine/evaluation/report/questions.ts';
import { type JudgingOptions, measure, measureDrawings, notMeasured } from '../engine/evaluation/report/report.ts';
import { drawSheet, SHEET_COLUMNS } from '../engine/evaluation/report/sheet.ts';
import { SHEET_PROMPTS } from '../engine/evaluation/report/sheet-prompts.ts';
import { formatTable } from '../engine/evaluation/report/table.ts';
import { openModel } from '../engine/pipeline/open-model.ts';
import { hasJudge, noJudge } from '../engine/runtime/networks/judge.ts';
import type { RuntimeOptions } from '../engine/runtime/runtime.ts';
import { contactSheet } from '../engine/training/data/contact-sheet.ts';
import { Dataset } from '../engine/training/data/dataset.ts';
import { openTextDecoder } from '../engine/training/draw-texts.ts';
import { loadTensorFlow } from '../engine/training/tensorflow.ts';
import { InputError } from '../errors.ts';
import { withOutFolder } from './out-folder.ts';
import { createStageBar, WITHOUT_TERMINAL } from './progress-bar.ts';
import { say } from './say.ts';

const modelOption = () => new Option('--model <dir>', 'model folder (default: MODEL_DIR, or the bundled model)');
const BUNDLED_JUDGE = join(PROJECT_ROOT, 'models', 'judge');

interface ReportOptions {
  readonly model?: string;
  readonly data: string;
  readonly runs: string;
  readonly judge?: string;
  readonly only?: readonly FigureName[];
  readonly python?: string;
  readonly out?: string;
  readonly card?: true;
  readonly priors?: true;
  readonly textDecoder?: true;
  readonly compositions?: true;
  readonly json?: true;
}

export const report = new Command('report')
  .description('Measure a model on what it was not trained on: seven figures, each with its bar.')
  .addOption(modelOption())
  .option('--data <dir>', 'the data set that npm run data has built', join('data', 'pictures'))
  .addOption(
    new Option('--runs <dir>', 'where runs are kept, that of the judge among them').default('runs').env('RUNS_DIR'),
  )
  .option('--judge <dir>', 'the judge (default: that of --runs, else the bundled one)')
  .addOption(new Option('--only <figure...>', 'some of the figures; the others are null').choices(FIGURES))
  .addOption(new Option('--python <program>', 'a Python with torch and diffusers, for step_vs_torch').env('PYTHON'))
  .option('--out <dir>', 'also keep what was drawn there, with what the judge said')
  .addOption(
    new Option(
      '--card',
      `write what is measured into the model's card (README.md), in the place of what was before; without --only that is ${CARD_FIGURES.join(', ')}`,
    ).conflicts(['priors', 'textDecoder', 'compositions']),
  )
  .option('--priors', 'instead compare the ways from text to embedding; with --only also by what the judge sees')
  .option('--text-decoder', 'instead judge what the run of train -- text-decoder draws, from texts without a prior')
  .addOption(
    new Option(
      '--compositions',
      'instead find what is composed: things on backgrounds, in colours, two at once',
    ).conflicts(['only', 'out', 'priors', 'textDecoder']),
  )
  .option('--json', 'one JSON object of the figures on stdout, the table on stderr')
  .action(runReport);

async function runReport(options: ReportOptions): Promise<void> {
  const config = loadConfig();
  const own = join(options.runs, 'judge');
  const folders = {
    model: options.model ?? config.modelDir,
    data: options.data,
    judge: options.judge ?? (hasJudge(own) ? own : BUNDLED_JUDGE),
  };
  const runtime = { threads: config.engineThreads };
  // one that isn't named may be missing: what it would judge is not measured then
  if (options.judge && !hasJudge(options.judge)) throw new InputError(noJudge(options.judge));
  if (options.priors && options.out)
    throw new InputError('--out keeps what figures are made of; with --priors there is nothing to keep');
  if (options.priors && options.textDecoder)
    throw new InputError('--text-decoder has no prior to compare: leave out --priors');
  if (options.priors) return reportPriors(folders, runtime, options);
  if (options.compositions) return reportCompositions(folders, runtime, options);
  const only = options.only ?? (options.card && CARD_FIGURES);
  const measured = () => (options.textDecoder ? ofTextDecoder : ofModel)(folders, runtime, { ...options, only });
  const kept = () => (options.out ? withOutFolder(options.out, measured) : measured());
  const figures = await (options.card ? withOutFolder(folders.model, kept, '--model') : kept());
  (options.json ? process.stderr : process.stdout).write(formatTable(figures));
  if (options.json) console.log(JSON.stringify(Object.fromEntries(FIGURES.map((name) => [name, figures[name].value]))));
  if (options.card) say(`the figures are in ${await writeReport(folders.model, folders.data, figures)}`);
}

interface Folders {
  readonly model: string;
  readonly data: string;
  readonly judge: string;
}

async function reportPriors(folders: Folders, runtime: RuntimeOptions, { only = [], json }: ReportOptions) {
  const bar = progressBar();
  const drawn = DRAWN.filter((name) => only.includes(name));
  if (drawn.length < only.length) throw new InputError(`--priors compares by ${DRAWN.join(', ')} only`);
  const compared = await comparePriors({ ...folders, drawn, runtime, onProgress: bar.onProgress }).finally(bar.stop);
  (json ? process.stderr : process.stdout).write(formatPriors(compared));
  if (json) console.log(JSON.stringify(Object.fromEntries(compared.map((row) => [nameOf(row), figuresOf(row)]))));
}

/** null where the model doesn't have that prior. */
function figuresOf(row: PriorRow) {
  if ('reason' in row) return null;
  const { cosine, centred, found, seconds, judged } = row;
  return { cosine, centred, found, seconds, ...judged };
}

async function reportCompositions(folders: Folders, runtime: RuntimeOptions, { json }: ReportOptions) {
  const bar = progressBar();
  const judged = await judgeCompositions({ ...folders, runtime, onProgress: bar.onProgress }).finally(bar.stop);
  (json ? process.stderr : process.stdout).write(formatCompositions(judged));
  const figures = judged.rows.map(({ kind, ...row }) => [kind, 'reason' in row ? null : row]);
  if (json) console.log(JSON.stringify(Object.fromEntries(figures)));
}

function ofModel(folders: Folders, runtime: RuntimeOptions, options: ReportOptions): Promise<Report> {
  const { only, python } = options;
  return judging(folders, runtime, options, (judged) =>
    measure({ ...folders, ...judged, beside: [BUNDLED_JUDGE], only, python, say }),
  );
}

/** Of the figures those of drawn pictures. */
async function ofTextDecoder(folders: Folders, runtime: RuntimeOptions, options: ReportOptions): Promise<Report> {
  const { only = DRAWN, runs } = options;
  const openDrawer = async () => {
    const paint = await openTextDecoder(await loadTensorFlow(), runs);
    const draw: DrawQuestions = async (questions, onProgress) => {
      const pictures: Uint8Array[] = [];
      for (const { prompt, seed } of questions) {
        onProgress(pictures.push(await paint(prompt, seed)));
        // TensorFlow on a CPU never waits for anything, and a bar that is drawn by a timer would stand still
        await setImmediate();
      }
      return pictures;
    };
    return { draw, close: async () => {} };
  };
  const dataset = new Dataset(folders.data);
  const wanted = DRAWN.filter((name) => only.includes(name));
  const figures = judging(folders, runtime, options, (judged) => measureDrawings(openDrawer, wanted, dataset, judged));
  return { ...notMeasured(FIGURES, 'not of a text decoder'), ...(await figures.finally(() => dataset.close())) };
}

function judging<R>(
  { judge }: Folders,
  runtime: RuntimeOptions,
  { out }: ReportOptions,
  work: (options: JudgingOptions) => Promise<R>,
): Promise<R> {
  const bar = progressBar();
  const onAnswers = async (figure: FigureName, answers: readonly Answer[]) => {
    if (out && answers.length > 0) await keepAnswers(out, figure, answers);
  };
  return work({ judge, runtime, onProgress: bar.onProgress, onAnswers }).finally(bar.stop);
}

/** A contact sheet of all that was drawn for a figure, and a line of JSON for each picture in its order. */
async function keepAnswers(folder: string, figure: FigureName, answers: readonly Answer[]): Promise<void> {
  const pictures = answers.map(({ picture }) => picture);
  await writeFile(join(folder, `${figure}.png`), await contactSheet(pictures, { columns: 20, size: 96 }));
  const lines = answers.map(({ question, opinion, isRight }) =>
    JSON.stringify({ ...question, judged: opinion, right: isRight }),
  );
  await writeFile(join(folder, `${figure}.jsonl`), `${lines.join('\n')}\n`);
}

export const sheet = new Command('sheet')
  .description('Draw the contact sheet: 64 fixed prompts, two pictures each, nothing picked.')
  .addOption(modelOption())
  .requiredOption('--out <file>', 'where the PNG goes')
  .action(async ({ model: folder, out }: { model?: string; out: string }) => {
    const config = loadConfig();
    if (isFolder(out)) throw new InputError(`--out ${out}: expected a file for the PNG, found a folder`);
    await withOutFolder(dirname(out), async () => {
      const model = await openModel(folder ?? config.modelDir, { threads: config.engineThreads });
      const bar = progressBar();
      const png = await drawSheet(model, (...at) => bar.onProgress('drawing', ...at))
        .finally(bar.stop)
        .finally(() => model.close());
      await writeFile(out, png);
    });
    for (let i = 0; i < SHEET_PROMPTS.length; i += SHEET_COLUMNS) {
      say(`row ${i / SHEET_COLUMNS + 1}: ${SHEET_PROMPTS.slice(i, i + SHEET_COLUMNS).join(' · ')}`);
    }
  });

const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** A bar for each stage, on stderr. */
function progressBar() {
  const format = '{stage} {bar} {value} of {total}{eta_formatted}';
  const bar = createStageBar(format, 'autoencoder', WITHOUT_TERMINAL);
  return {
    onProgress: (stage: string, done: number, total: number) => bar.at(stage, total, done).update(done),
    stop: bar.stop,
  };
}
