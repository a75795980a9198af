import { existsSync } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../errors.ts';
import { ArPriorConfig } from '../networks/ar-prior.ts';
import { ClipTextConfig } from '../networks/clip-text.ts';
import { ClipVisionConfig } from '../networks/clip-vision.ts';
import { MovqConfig } from '../networks/movq.ts';
import { PriorConfig } from '../networks/prior.ts';
import { loadTokenizer } from '../networks/tokenizer.ts';
import { SuperResolutionConfig, UnetConfig } from '../networks/unet-config.ts';
import { tensorEntry } from '../ops/weights.ts';
import { openComponents } from '../pca/open-components.ts';
import { readKandinskyFolder } from '../pipeline/kandinsky-folder.ts';
import type { Tensor } from '../tensor.ts';
import { type Component, openComponent } from '../weights/component.ts';
import { NonFiniteWeightError } from '../weights/finite.ts';
import { readTensor } from '../weights/safetensors.ts';
import { keepAttribution } from './attributions.ts';
import { checkpointOf, type LearnedFrom, type NetworkState, saveCheckpoint } from './checkpoint.ts';
import { describeOverflow } from './expect-float16.ts';
import { expectOwnKind } from './expect-own-kind.ts';
import { NOT_TRAINED } from './expect-sizes.ts';
import { explainFullDisk } from './full-disk.ts';
import { keepHistory, type Trained } from './history.ts';
import { digestOf } from './kept-file.ts';
import { learnedFrom, statesOf } from './learned-from.ts';
import { withLock } from './lock.ts';
import { OF_TRAINED } from './optimizer/learning-rate.ts';
import { initialState } from './optimizer/optimizer.ts';
import { Parameters } from './parameters.ts';
import { EXTRAS, LEARNS_FROM, MEASURES, PARTS, type Part } from './part-names.ts';
import { writeRunConfig } from './run-config.ts';
import { FIRST_LOGIT_SCALE } from './tasks/clip.ts';
import { writeNormalisation } from './tasks/normalisation.ts';
import { writeComponents } from './tasks/principal-components.ts';
import { tokenizerFolder } from './tasks/tokenizer.ts';
import { keepTrainedOn } from './trained-on.ts';

/** A part of a model, as a run has it. */
interface ModelPart {
  readonly config: object;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/**
 * Makes the parts of a model folder the start of a runs folder: sizes, weights, vocabulary. Parts that have a run already
 * keep it, and it says which.
 * @throws InputError for a folder that is no model, or a damaged or diverged one, or one that was not trained here; where
 * parts would stand beside others than those that they have learned from; and while another process does the same
 */
export const importModel = (dir: string, runs: string, say: (line: string) => void): Promise<void> =>
  explainFullDisk(runs, () => withLock(runs, 'starts from a model', () => importParts(dir, runs, say)));

async function importParts(dir: string, runs: string, say: (line: string) => void): Promise<void> {
  const model = await openModelFolder(dir);
  const [missing, kept] = [false, true].map((isThere) =>
    [...model.parts.keys()].filter((part) => existsSync(checkpointOf(runs, part)) === isThere),
  ) as [Trained[], Trained[]];
  await refuseMixture(dir, runs, model.states, missing);
  if (kept.length > 0) say(`kept as they are in ${runs}: ${kept.join(', ')}`);
  if (missing.length === 0) return;
  say(`taken from ${dir}: ${missing.join(', ')}`);
  // as a training that begins without a checkpoint would
  const locked = missing.reduceRight(
    (write, part) => () => withLock(join(runs, part), 'trains the same part', write),
    () => writeParts(dir, runs, model, missing),
  );
  await locked();
}

async function writeParts(
  dir: string,
  runs: string,
  model: Awaited<ReturnType<typeof openModelFolder>>,
  missing: readonly Trained[],
): Promise<void> {
  const { clip } = model.states;
  // a vocabulary of the data set's own would mean other words to this CLIP
  if (missing.includes('clip'))
    await cp(model.tokenizer, tokenizerFolder(runs), { recursive: true, dereference: true });
  await keepTrainedOn(dir, runs);
  await keepAttribution(dir, runs);
  if (missing.includes('prior')) await importNormalisation(runs, clip!.weights, model.prior);
  const isOfModel = missing.includes('clip') || missing.includes('ar-prior');
  if (model.principalComponents && isOfModel && !existsSync(checkpointOf(runs, 'ar-prior')))
    await writeComponents(runs, clip!.weights, await openComponents(model.principalComponents));
  for (const part of missing) {
    const { config, tensors } = model.parts.get(part)!;
    const parameters = Parameters.ofTensors(tensors);
    await mkdir(join(runs, part), { recursive: true });
    await writeRunConfig(runs, part, config);
    await keepHistory(dir, runs, part);
    const sources = Object.fromEntries(
      LEARNS_FROM[part].flatMap((source) => (model.states[source] ? [[source, model.states[source]]] : [])),
    );
    const state = initialState(parameters.import(tensors, `${dir}, ${part}`));
    const notes = { learnedFrom: sources, schedule: { ofPeak: OF_TRAINED } };
    await saveCheckpoint(checkpointOf(runs, part), parameters, state, notes);
  }
}

/** @param missing the parts that are to be taken */
async function refuseMixture(
  dir: string,
  runs: string,
  states: LearnedFrom,
  missing: readonly Trained[],
): Promise<void> {
  const otherwise = `name another --runs for what starts from ${dir}, or leave --from out to go on with what is there`;
  for (const part of missing) {
    for (const [source, there] of Object.entries(await statesOf(runs, LEARNS_FROM[part])) as [Part, NetworkState][])
      if (states[source] && states[source].weights !== there.weights)
        throw new InputError(
          `the runs in ${runs} have a ${source} of their own, and ${part} of ${dir} has learned from another: ${otherwise}`,
        );
  }
  for (const part of [...PARTS, ...EXTRAS, ...MEASURES].filter((name) => existsSync(checkpointOf(runs, name)))) {
    for (const source of LEARNS_FROM[part].filter((name) => missing.some((taken) => taken === name))) {
      if ((await learnedFrom(runs, part))?.[source]?.weights !== states[source]!.weights)
        throw new InputError(
          `the runs in ${runs} have a ${part} of their own, which has learned from another ${source} than that of ${dir}: ${otherwise}`,
        );
    }
  }
}

/** A model's parts, each after those that it learns from, and what belongs to them. */
async function openModelFolder(dir: string) {
  const { components, own } = await readKandinskyFolder(dir);
  const text = await openComponent(components.text_encoder, 'CLIPTextModelWithProjection', ClipTextConfig);
  const vision = await openComponent(components.image_encoder, 'CLIPVisionModelWithProjection', ClipVisionConfig);
  const scale: Tensor = { data: Float32Array.of(FIRST_LOGIT_SCALE), shape: [1] };
  const prior = await openComponent(components.prior, 'PriorTransformer', PriorConfig);
  const movq = await openComponent(components.movq, 'VQModel', MovqConfig);
  const unet = await openComponent(components.unet, 'UNet2DConditionModel', UnetConfig);
  await expectOwnKind(dir, components, { movq: movq.config, unet: unet.config });
  // it is copied as it is
  await loadTokenizer(components.tokenizer);
  const parts = new Map<Trained, ModelPart>([
    ['movq', await readPart(movq)],
    [
      'clip',
      {
        config: { text: text.config, vision: vision.config },
        tensors: new Map([
          ...(await readPart(text)).tensors,
          ...(await readPart(vision)).tensors,
          ['logit_scale', scale],
        ]),
      },
    ],
    ['decoder', await readPart(unet)],
    ['prior', await readPart(prior)],
  ]);
  if (own.arPrior)
    parts.set('ar-prior', await readPart(await openComponent(own.arPrior, 'AutoregressivePrior', ArPriorConfig)));
  if (own.upsampler)
    parts.set('upsampler', await readPart(await openComponent(own.upsampler, 'UNet2DModel', SuperResolutionConfig)));
  for (const [part, { tensors }] of parts) {
    const overflow = describeOverflow(tensors);
    if (overflow)
      throw new NonFiniteWeightError(
        `${dir}, ${part}: ${overflow}. Its training has diverged, and nothing can be learned from there: name another model`,
      );
  }
  const states: LearnedFrom = Object.fromEntries(
    [...parts].map(([part, { tensors }]) => [part, { step: 0, weights: digestOf(tensors) }]),
  );
  const { tokenizer } = components;
  return { parts, states, prior, tokenizer, principalComponents: own.principalComponents };
}

async function readPart({ config, tensors: entries }: Component<object>): Promise<ModelPart> {
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of entries) if (!NOT_TRAINED.has(name)) tensors.set(name, await readTensor(entry));
  return { config, tensors };
}

async function importNormalisation(runs: string, clip: string, prior: Component<PriorConfig>): Promise<void> {
  const shape = [1, prior.config.embedding_dim];
  const [mean, deviation] = await Promise.all(
    ['clip_mean', 'clip_std'].map((name) => readTensor(tensorEntry(prior, name, shape))),
  );
  await writeNormalisation(runs, clip, { mean: mean!, deviation: deviation! });
}
