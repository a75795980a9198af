import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../../errors.ts';
import type { ClassifierConfig } from '../networks/classifier.ts';
import type { Tokenizer } from '../networks/tokenizer.ts';
import type { TensorFlow } from '../ops/tfjs-ops.ts';
import { checkRun } from './check-run.ts';
import { checkpointOf, hasParameter, loadNotes, requireCheckpoint, type Schedule, trainedSteps } from './checkpoint.ts';
import { plainSet } from './data/compose/composed-set.ts';
import { Dataset, withTraining } from './data/dataset.ts';
import { LargePictures } from './data/large-pictures.ts';
import { openPictures } from './data/open-pictures.ts';
import type { PictureSet } from './data/picture-set.ts';
import { exportJudge } from './export-judge.ts';
import { explainFullDisk } from './full-disk.ts';
import { learnsFrom } from './learned-from.ts';
import { withLock } from './lock.ts';
import { type TrainOptions, trainTask } from './loop.ts';
import { openPriorSheet } from './open-prior-sheet.ts';
import { OF_TRAINED } from './optimizer/learning-rate.ts';
import { startHelpers } from './parallel/helpers.ts';
import { LEARNS_FROM, type Part } from './part-names.ts';
import {
  openArPriorConfig,
  openClassifierConfig,
  openClipConfig,
  openExportedClipConfig,
  openMovqConfig,
  openPriorConfig,
  openTextDecoderConfig,
  openUnetConfig,
  openUpsamplerConfig,
  openVisionConfig,
} from './run-config.ts';
import type { Task } from './task.ts';
import { arPriorTask } from './tasks/ar-prior.ts';
import { classifierTask, knownTo, recurringNames } from './tasks/classifier.ts';
import { clipTask, conceptsRecur, namesWithVectors } from './tasks/clip.ts';
import type { ClipConfig, FrozenText } from './tasks/clip-encoders.ts';
import { embedTexts } from './tasks/clip-figures.ts';
import { decoderTask } from './tasks/decoder.ts';
import { distilTask } from './tasks/distil.ts';
import { openExtraData } from './tasks/drawings.ts';
import { type Embeddings, type Features, loadEmbeddings, loadLatents } from './tasks/features.ts';
import { fineTuneTask } from './tasks/fine-tune.ts';
import {
  exportedEncoder,
  learnAgain,
  loadClip,
  OF_CLIP,
  trainedClip,
  trainedDecoder,
  trainedMovq,
  trainedTeacher,
  undistilledClip,
} from './tasks/frozen.ts';
import { movqTask } from './tasks/movq.ts';
import { openNormalisation } from './tasks/normalisation.ts';
import { concatenated, indicesOf } from './tasks/pictures.ts';
import { openComponents } from './tasks/principal-components.ts';
import { priorTask } from './tasks/prior.ts';
import { loadPriorEmbeddings } from './tasks/prior-embeddings.ts';
import { createSheet } from './tasks/sample-pictures.ts';
import type { Teacher } from './tasks/teaching.ts';
import { textDecoderTask } from './tasks/text-decoder.ts';
import { openRunTokenizer, tokenizerFolder, trainTokenizer } from './tasks/tokenizer.ts';
import { upsamplerTask } from './tasks/upsampler.ts';
import { visionTask } from './tasks/vision.ts';
import { openVocabulary } from './teacher/vocabulary.ts';
import { isTokenizer } from './tokenizer-folder.ts';
import { keepExtraData } from './trained-on.ts';

/** Over so many steps the learning rate of each falls. */
const PLANNED_STEPS: Record<Part, number> = {
  movq: 10_000,
  teacher: 4_000,
  clip: 14_000,
  distil: 4_000,
  vision: 6_000,
  prior: 6_000,
  'ar-prior': 6_000,
  upsampler: 20_000,
  decoder: 25_000,
  'fine-tune': 3_000,
  'text-decoder': 25_000,
  judge: 6_000,
};

/** Added to the seed that is asked for: first weights and random choices of the judge are not those of CLIP's teacher. */
const SEED_OFFSETS: Partial<Record<Part, number>> = { judge: 1, teacher: 2 };

export interface PartOptions extends TrainOptions {
  /** Folder of the data set. */
  readonly data: string;
  readonly seed: number;
  /** Over so many steps the learning rate falls; as many as are planned for the part when absent. */
  readonly steps?: number;
  /** That compute gradients side by side; 1 when absent. */
  readonly processes?: number;
  /** Folder of a model whose prior the decoder learns to draw for. */
  readonly prior?: string;
  /** Folder of a data set of more drawings of the same things, which teacher and CLIP's encoder of pictures learn from too. */
  readonly extraData?: string;
  readonly say: (line: string) => void;
}

/** Trains one part from where its run is. */
export async function trainPart(tf: TensorFlow, part: Part, options: PartOptions): Promise<void> {
  await trainTogether(tf, part, options);
  if (part === 'judge' && existsSync(checkpointOf(options.runs, part))) await exportJudge(options.runs);
}

/** Of the time for all, in the order in which they learn from each other: about what the bundled model's parts had. */
const SHARES = { movq: 2, teacher: 1, clip: 6, prior: 1.5, decoder: 8 } as const;
type SharingPart = keyof typeof SHARES;
/** Milliseconds: for a step at least. */
const LEAST_TIME = 1000;
export const SHARING_PARTS = Object.keys(SHARES) as readonly SharingPart[];

/**
 * Divides the time among the parts that have not had their planned number of steps yet, and gives the decoder what they leave.
 * The learning rate of each falls over its share.
 * A teacher is trained where CLIP can learn from one: where concepts recur. Autoencoder and CLIP of a model stay as they
 * are, and its prior and decoder adapt to other pictures.
 * @param encodersAreGood so it is with autoencoder and CLIP that were trained here too
 * @throws InputError, before anything is trained, where a run that it goes on from or learns from is damaged, or of other
 * sizes than its config.json says; and where CLIP is to be trained further and has been distilled: only `distil` by name goes on then
 */
export async function trainAll(tf: TensorFlow, options: PartOptions, encodersAreGood = false): Promise<void> {
  const parts = await partsToTrain(options, encodersAreGood);
  const needed = parts.flatMap((part) => [...LEARNS_FROM[part], part]);
  for (const part of SHARING_PARTS.filter((part) => needed.includes(part))) await checkRun(options.runs, part);
  await refuseOutdated(options.runs, parts);
  const share = (part: SharingPart, among: readonly SharingPart[]) =>
    SHARES[part] / among.reduce((sum, other) => sum + SHARES[other], 0);
  const planned = parts.map((part) => `${part} ${((options.time / 60_000) * share(part, parts)).toPrecision(2)}`);
  options.say(`minutes planned: ${planned.join(', ')}`);
  let left = options.time;
  for (const [i, part] of parts.entries()) {
    if (options.signal?.aborted) return;
    const before = await adaptedFor(options.runs, part);
    // a step may take longer than all that was left
    const time = Math.max(LEAST_TIME, left * share(part, parts.slice(i)));
    const maxSteps = part === 'decoder' ? undefined : await plannedSteps(part, options);
    const isTrained = encodersAreGood || (await beganAsModel(options.runs, part));
    const ofPeak = isTrained && { ofPeak: OF_TRAINED };
    await trainTogether(tf, part, { ...options, ...ofPeak, fallsOverTime: true, time, maxSteps });
    // what a part computes before its first step and after its last comes on top: those behind it have their time
    left -= (await adaptedFor(options.runs, part)) - before;
  }
}

/** Did a run begin with a model's weights? It learns at a part of the rate since, as its checkpoint notes. */
const beganAsModel = async (runs: string, part: Part): Promise<boolean> =>
  (await loadNotes(checkpointOf(runs, part))).schedule?.ofPeak !== undefined;

/** For how long a part's rate has been falling over its time by now, in milliseconds. */
const adaptedFor = async (runs: string, part: Part): Promise<number> =>
  (await loadNotes(checkpointOf(runs, part))).schedule?.adapted ?? 0;

/** Before hours are spent on what the prior could not go on from. */
async function refuseOutdated(runs: string, parts: readonly SharingPart[]): Promise<void> {
  const since = OF_CLIP.filter((part) => existsSync(checkpointOf(runs, part)));
  if (since.length === 0) return;
  if (!parts.includes('clip')) return void (await loadClip(runs));
  const path = checkpointOf(runs, 'clip');
  throw new InputError(
    `${path} has not had its planned steps, and what ${since.join(' and ')} learned belongs to CLIP as it is now: ` +
      `first call npm run train -- clip until it has had them${since.map((part) => `, then ${learnAgain(runs, part)}`).join('')}`,
  );
}

/** In their order; those that have had their planned steps are done, but for the decoder. */
async function partsToTrain(options: PartOptions, encodersAreGood: boolean): Promise<SharingPart[]> {
  const { data, runs } = options;
  const plain = new Dataset(data);
  const isTaught = conceptsRecur(plain);
  plain.close();
  const isOfModel = { movq: await beganAsModel(runs, 'movq'), clip: await beganAsModel(runs, 'clip') };
  const isGood = (part: 'movq' | 'clip') => encodersAreGood || isOfModel[part];
  const isWanted = async (part: SharingPart) => {
    if (part === 'decoder') return true;
    if (part === 'teacher' && (isGood('clip') || !isTaught)) return false;
    if ((part === 'movq' || part === 'clip') && isGood(part)) return false;
    return (
      !existsSync(checkpointOf(runs, part)) || (await trainedSteps(runs, part)) < (await plannedSteps(part, options))
    );
  };
  const wanted: SharingPart[] = [];
  for (const part of SHARING_PARTS) if (await isWanted(part)) wanted.push(part);
  const kept = (['movq', 'clip'] as const).filter((part) => !encodersAreGood && isOfModel[part]);
  if (kept.length > 0) options.say(`of the model that ${runs} began from, and left as they are: ${kept.join(', ')}`);
  return wanted;
}

async function trainTogether(tf: TensorFlow, part: Part, options: PartOptions): Promise<void> {
  // what was computed of other networks is kept, and would hide that they are of other sizes
  for (const needed of [...LEARNS_FROM[part], part]) await checkRun(options.runs, needed);
  const train = () => trainLocked(tf, part, options);
  await explainFullDisk(options.runs, () => withLock(join(options.runs, part), 'trains the same part', train));
}

async function trainLocked(tf: TensorFlow, part: Part, asked: PartOptions): Promise<void> {
  const { data, runs, precision, prior, extraData, processes = 1 } = asked;
  const seed = asked.seed + (SEED_OFFSETS[part] ?? 0);
  const schedule = await scheduleOf(part, asked);
  // before the networks are opened: one that is trained meanwhile is newer than what was learned from
  const notes = { learnedFrom: await learnsFrom(runs, part), schedule };
  const options = { ...asked, ...schedule, seed, notes };
  const task = await createTask(tf, part, options).catch((error) => {
    if (!options.signal?.aborted) throw error;
  });
  if (!task) return options.say(`${part}: stopped before its first step; what it learned before is as it was`);
  if (extraData) await keepExtraData(extraData, runs);
  if (processes === 1) return void (await trainTask(tf, task, options));
  const order = { part, data, runs, seed, steps: options.steps, precision, prior, extraData };
  const helpers = await startHelpers(processes - 1, order);
  await trainTask(tf, task, options, helpers).finally(helpers.close);
}

/** As it is asked for; else as it was at the call before. */
async function scheduleOf(part: Part, { runs, steps, learningRate }: PartOptions): Promise<Schedule> {
  const { schedule } = await loadNotes(checkpointOf(runs, part));
  return { ...schedule, ...(steps && { steps }), ...(learningRate && { learningRate }) };
}

const plannedSteps = async (part: Part, options: PartOptions): Promise<number> =>
  (await scheduleOf(part, options)).steps ?? PLANNED_STEPS[part];

/**
 * The task of a part, over the data set and the runs that it learns from.
 * @throws InputError where the folder of the data set is none; then, before anything is written, where a part that it learns
 * from has not been trained
 */
export async function createTask(
  tf: TensorFlow,
  part: Part,
  { data, runs, seed, steps, prior, extraData, say, signal }: PartOptions,
): Promise<Task> {
  const horizon = steps ?? PLANNED_STEPS[part];
  if (part === 'judge' || part === 'teacher') {
    const plain = withTraining(new Dataset(data), data);
    const extra = extraData ? openExtraData(extraData, data, plain) : undefined;
    const config = await openClassifierConfig(runs, part, plain);
    refuseStranger(join(runs, part), config, data, plain);
    return classifierTask(tf, part, plain, config, { horizon, seed }, extra) as Task;
  }
  if (part === 'upsampler') {
    const plain = withTraining(new Dataset(data), data);
    requireSources(runs, part);
    const large = await LargePictures.open(data, plain);
    const ofMovq = await openMovqConfig(runs);
    const movq = { config: ofMovq, weights: (await trainedMovq(tf, runs, ofMovq)).weights };
    return upsamplerTask(tf, plain, large, movq, await openUpsamplerConfig(runs), { horizon, seed }) as Task;
  }
  const dataset = withTraining(openPictures(data), data);
  requireSources(runs, part);
  if (part === 'movq') return movqTask(tf, dataset, await openMovqConfig(runs), { horizon, seed }) as Task;
  const tokenizer = await openTokenizer(dataset, runs, seed, say);
  const clip = await openClipConfig(runs);
  const extra = extraData ? openExtraData(extraData, data, dataset) : undefined;
  if (part === 'clip') {
    const teacher = await openTeacher(tf, dataset, runs);
    const nameVectors = await openNameVectors(tf, dataset, runs, tokenizer, clip);
    return clipTask(tf, dataset, tokenizer, clip, { horizon, seed }, { teacher, nameVectors }) as Task;
  }

  // what it knows pictures by would be another CLIP's
  if (part === 'vision') await loadClip(runs, [part]);
  const seen = await openEmbeddings(tf, dataset, runs, say, signal);
  if (part === 'distil') {
    const from = { tokenizer, clip, ...(await undistilledClip(tf, runs, clip)) };
    const vocabulary = await openVocabulary(tf, dataset, runs, say);
    return (await distilTask(tf, dataset, seen, from, vocabulary, { horizon, seed })) as Task;
  }
  if (part === 'vision') {
    const vision = await openVisionConfig(runs);
    const from = { tokenizer, clip, ...(await trainedClip(tf, runs, clip)) };
    const teacher = await openTeacher(tf, dataset, runs);
    return (await visionTask(tf, dataset, seen, from, { vision, teacher, extra }, { horizon, seed })) as Task;
  }
  const openText = () => openFrozenText(tf, dataset, runs, { tokenizer, clip }, say);
  if (part === 'prior') {
    const normalisation = await openNormalisation(runs, dataset, seen, say);
    const config = await openPriorConfig(runs);
    const draw = await openPriorSheet(tf, dataset, seen, runs);
    return priorTask(tf, dataset, seen, normalisation, await openText(), config, { horizon, seed }, draw) as Task;
  }
  if (part === 'ar-prior') {
    const components = await openComponents(runs, dataset, seen, say);
    const [config, text] = [await openArPriorConfig(runs, components), await openText()];
    const draw = await openPriorSheet(tf, dataset, seen, runs);
    return (await arPriorTask(tf, dataset, seen, components, text, config, { horizon, seed }, draw)) as Task;
  }

  const openPriorEmbeddings = async (dir: string) => {
    const onProgress = progressOf("the prior's embeddings", 'texts', say, signal);
    const see = await exportedEncoder(tf, runs, await openExportedClipConfig(runs));
    return loadPriorEmbeddings(dir, dataset, seen, see, runs, onProgress, say);
  };
  const made = prior ? await openPriorEmbeddings(prior) : undefined;
  const movq = await openMovqConfig(runs);
  const latents = await loadLatents(tf, dataset, runs, movq, progressOf('latents', 'pictures', say, signal), say);
  const features: Features = { ...seen, latents };
  const { weights: movqWeights } = await trainedMovq(tf, runs, movq);
  const draw = createSheet(tf, dataset, movq, movqWeights);
  if (part === 'decoder') {
    return decoderTask(tf, dataset, features, draw, await openUnetConfig(runs), { horizon, seed }, made) as Task;
  }
  if (part === 'fine-tune') {
    const unet = await openUnetConfig(runs);
    const start = await trainedDecoder(tf, runs, unet);
    const { weights: clipWeights } = await undistilledClip(tf, runs, clip);
    const networks = { unet, start, movq, movqWeights, clip, clipWeights };
    return fineTuneTask(tf, dataset, features, networks, draw, { horizon, seed }) as Task;
  }
  const config = await openTextDecoderConfig(runs);
  return textDecoderTask(tf, dataset, features, await openText(), draw, config, { horizon, seed }) as Task;
}

/** Of a classifier that was begun with another data set. */
function refuseStranger(run: string, config: ClassifierConfig, data: string, plain: Dataset): void {
  if (indicesOf(plain, 'train').some(knownTo(config, plain))) return;
  const names = new Set(recurringNames(plain));
  const [what, example] = config.concepts.some((name) => names.has(name))
    ? ['styles', config.styles[0]]
    : ['names', config.concepts[0]];
  throw new InputError(
    `${run} tells no ${what} of ${data} apart, but others, such as “${example}”: name another --runs for these`,
  );
}

/** A vocabulary or sizes that no one trains with would be found later. */
function requireSources(runs: string, part: Part): void {
  for (const source of LEARNS_FROM[part]) if (source !== 'distil') requireCheckpoint(checkpointOf(runs, source));
}

/** What CLIP sees in the pictures, computed where it is not there yet. */
export async function openEmbeddings(
  tf: TensorFlow,
  dataset: PictureSet,
  runs: string,
  say: (line: string) => void,
  signal?: AbortSignal,
): Promise<Embeddings> {
  requireCheckpoint(checkpointOf(runs, 'clip'));
  const onProgress = progressOf('embeddings', 'pictures', say, signal);
  return loadEmbeddings(tf, dataset, runs, await openClipConfig(runs), onProgress, say);
}

/** The classifier that CLIP learns from, where one has been trained, and concepts have several pictures. */
async function openTeacher(tf: TensorFlow, dataset: PictureSet, runs: string): Promise<Teacher | undefined> {
  if (!existsSync(checkpointOf(runs, 'teacher')) || !conceptsRecur(dataset)) return undefined;
  const config = await openClassifierConfig(runs, 'teacher', plainSet(dataset));
  return { config, weights: (await trainedTeacher(tf, runs, config)).weights };
}

/** What a CLIP that was imported, and has no vectors of concepts yet, says of their names; (C, P). */
async function openNameVectors(
  tf: TensorFlow,
  dataset: PictureSet,
  runs: string,
  tokenizer: Tokenizer,
  clip: ClipConfig,
): Promise<Float32Array | undefined> {
  const path = checkpointOf(runs, 'clip');
  if (!existsSync(path) || (await hasParameter(path, 'concepts'))) return undefined;
  const { weights } = await undistilledClip(tf, runs, clip);
  return concatenated(await embedTexts(tf, weights, clip, tokenizer, namesWithVectors(dataset)));
}

/** The text encoder, with the words that it was taught besides captions. */
async function openFrozenText(
  tf: TensorFlow,
  dataset: PictureSet,
  runs: string,
  { tokenizer, clip }: Pick<FrozenText, 'tokenizer' | 'clip'>,
  say: (line: string) => void,
): Promise<FrozenText> {
  const { weights } = await trainedClip(tf, runs, clip);
  const isDistilled = existsSync(checkpointOf(runs, 'distil'));
  const vocabulary = isDistilled ? await openVocabulary(tf, dataset, runs, say) : undefined;
  return { tokenizer, clip, weights, vocabulary };
}

/** It is learned where there is none yet. */
async function openTokenizer(dataset: PictureSet, runs: string, seed: number, say: (line: string) => void) {
  const folder = tokenizerFolder(runs);
  if (!isTokenizer(folder) && !existsSync(checkpointOf(runs, 'clip'))) {
    say(`tokenizer: ${await trainTokenizer(dataset, runs, seed)} tokens in ${folder}`);
  }
  return openRunTokenizer(runs);
}

/** @param signal ends the work by an error */
function progressOf(
  what: string,
  unit: string,
  say: (line: string) => void,
  signal?: AbortSignal,
): (done: number, total: number) => void {
  let next = 0;
  return (done, total) => {
    signal?.throwIfAborted();
    if (done < next) return;
    say(`${what} of ${done} of ${total} ${unit}`);
    next += Math.ceil(total / 10);
  };
}
