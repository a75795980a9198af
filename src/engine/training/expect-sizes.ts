import { join } from 'node:path';
import { WeightMismatchError } from '../ops/weights.ts';
import { KNOWN_NETWORKS, type Parameter } from '../runtime/known-networks.ts';
import { checkpointOf, sizedBy } from './checkpoint.ts';
import type { Part } from './part-names.ts';

/** In a model and not in a checkpoint: the pipeline does not quantise, and the prior is normalised by what it began with. */
export const NOT_TRAINED: ReadonlySet<string> = new Set(['quantize.embedding.weight', 'clip_mean', 'clip_std']);

/** The networks of each part, by the keys of its config.json where it has several. */
const NETWORKS = {
  movq: { '': 'movq' },
  clip: { text: 'text_encoder', vision: 'image_encoder' },
  vision: { '': 'image_encoder' },
  prior: { '': 'prior' },
  decoder: { '': 'unet' },
  'ar-prior': { '': 'prior_ar' },
  upsampler: { '': 'upsampler' },
} as const;
/** A part whose networks a model has. */
export type ModelPart = keyof typeof NETWORKS;
export const isModelPart = (part: Part): part is ModelPart => part in NETWORKS;

/** CLIP has more parameters in training: vectors of concepts and styles, scales, matrices of hints. */
const OF_ENCODERS = /^(text_model|text_projection|vision_model|visual_projection)\./;

/**
 * Compares weights of a run, by names and shapes, with what a config.json says; nothing is computed.
 * @param part    that the config.json is of
 * @param run     that the weights are of, where it isn't the same
 * @throws WeightMismatchError naming the first that is missing, of another shape, or not in the network
 */
export function expectSizes(
  runs: string,
  part: ModelPart,
  config: object,
  weights: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  run: string = part,
): void {
  const where = sizedBy(checkpointOf(runs, run));
  const expected = parametersOf(part, config, join(runs, part, 'config.json'));
  for (const { name, shape } of expected) {
    const found = weights.get(name);
    if (found?.shape.join() === shape.join()) continue;
    const what = found ? `(${found.shape.join(', ')})` : 'nothing of that name';
    throw new WeightMismatchError(`${name}: expected (${shape.join(', ')}), found ${what} in ${where}`);
  }
  // a smaller network would draw with a part of what was trained
  const names = new Set(expected.map(({ name }) => name));
  for (const [name, { shape }] of weights) {
    if (names.has(name) || ((part === 'clip' || part === 'vision') && !OF_ENCODERS.test(name))) continue;
    throw new WeightMismatchError(`${name}: expected no such weight, found (${shape.join(', ')}) in ${where}`);
  }
}

function parametersOf(part: ModelPart, config: object, where: string): Parameter[] {
  const all = Object.entries(NETWORKS[part]).flatMap(([key, network]: [string, keyof typeof KNOWN_NETWORKS]) =>
    KNOWN_NETWORKS[network].parameters(key ? (config as Record<string, object>)[key]! : config, where),
  );
  return all.filter(({ name }) => !NOT_TRAINED.has(name));
}
