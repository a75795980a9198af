import { existsSync } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ArPriorConfig } from '../networks/ar-prior.ts';
import { ClipTextConfig } from '../networks/clip-text.ts';
import { ClipVisionConfig } from '../networks/clip-vision.ts';
import { MovqConfig } from '../networks/movq.ts';
import { PriorConfig } from '../networks/prior.ts';
import { SuperResolutionConfig, UnetConfig } from '../networks/unet-config.ts';
import { tensorEntry } from '../ops/weights.ts';
import { openComponents } from '../pca/open-components.ts';
import { readKandinskyFolder } from '../pipeline/kandinsky-folder.ts';
import type { Tensor } from '../tensor.ts';
import { type Component, openComponent } from '../weights/component.ts';
import { readTensor } from '../weights/safetensors.ts';
import { keepAttribution } from './attributions.ts';
import { checkpointOf, saveCheckpoint } from './checkpoint.ts';
import { explainFullDisk } from './full-disk.ts';
import { keepHistory, type Trained } from './history.ts';
import { initialState } from './optimizer/optimizer.ts';
import { Parameters } from './parameters.ts';
import { writeRunConfig } from './run-config.ts';
import { FIRST_LOGIT_SCALE } from './tasks/clip.ts';

import { writeNormalisation } from './tasks/normalisation.ts';
import { writeComponents } from './tasks/principal-components.ts';
import { tokenizerFolder } from './tasks/tokenizer.ts';

/** Not trained: the pipeline does not quantise, and the prior is normalised by what it began with. */
const UNUSED = new Set(['quantize.embedding.weight', 'clip_mean', 'clip_std']);

/**
 * Makes the parts of a model folder the start of a runs folder: sizes, weights, vocabulary. Parts that have a run already
 * keep it.
 * @throws InputError for a folder that is no model, or a damaged one
 */
export const importModel = (dir: string, runs: string): Promise<void> =>
  explainFullDisk(runs, () => importParts(dir, runs));

async function importParts(dir: string, runs: string): Promise<void> {
  const from = { dir, runs };
  const { components, own } = await readKandinskyFolder(dir);
  // a vocabulary of the data set's own would mean other words to this CLIP
  if (!existsSync(checkpointOf(runs, 'clip'))) {
    await cp(components.tokenizer, tokenizerFolder(runs), { recursive: true });
  }
  await keepAttribution(dir, runs);
  await importPart(from, 'movq', await openComponent(components.movq, 'VQModel', MovqConfig));
  await importPart(from, 'decoder', await openComponent(components.unet, 'UNet2DConditionModel', UnetConfig));
  const prior = await openComponent(components.prior, 'PriorTransformer', PriorConfig);
  if (!existsSync(checkpointOf(runs, 'prior'))) await importNormalisation(runs, prior);
  await importPart(from, 'prior', prior);
  if (own.principalComponents && !existsSync(checkpointOf(runs, 'ar-prior'))) {
    await writeComponents(runs, await openComponents(own.principalComponents));
  }
  if (own.arPrior)
    await importPart(from, 'ar-prior', await openComponent(own.arPrior, 'AutoregressivePrior', ArPriorConfig));
  if (own.upsampler)
    await importPart(from, 'upsampler', await openComponent(own.upsampler, 'UNet2DModel', SuperResolutionConfig));

  const text = await openComponent(components.text_encoder, 'CLIPTextModelWithProjection', ClipTextConfig);
  const vision = await openComponent(components.image_encoder, 'CLIPVisionModelWithProjection', ClipVisionConfig);
  const scale: Tensor = { data: Float32Array.of(FIRST_LOGIT_SCALE), shape: [1] };
  const both = {
    ...text,
    config: { text: text.config, vision: vision.config },
    tensors: new Map([...text.tensors, ...vision.tensors]),
  };
  await importPart(from, 'clip', both, new Map([['logit_scale', scale]]));
}

async function importNormalisation(runs: string, prior: Component<PriorConfig>): Promise<void> {
  const shape = [1, prior.config.embedding_dim];
  const [mean, deviation] = await Promise.all(
    ['clip_mean', 'clip_std'].map((name) => readTensor(tensorEntry(prior, name, shape))),
  );
  await writeNormalisation(runs, { mean: mean!, deviation: deviation! });
}

async function importPart(
  { dir, runs }: { readonly dir: string; readonly runs: string },
  part: Trained,
  component: Component<object>,
  more: ReadonlyMap<string, Tensor> = new Map(),
): Promise<void> {
  const path = checkpointOf(runs, part);
  if (existsSync(path)) return;
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of component.tensors) if (!UNUSED.has(name)) tensors.set(name, await readTensor(entry));
  for (const [name, tensor] of more) tensors.set(name, tensor);
  const parameters = Parameters.ofTensors(tensors);
  await mkdir(join(runs, part), { recursive: true });
  await writeRunConfig(runs, part, component.config);
  await keepHistory(dir, runs, part);
  await saveCheckpoint(path, parameters, initialState(parameters.import(tensors, component.name)));
}
