import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { KNOWN_NETWORKS } from '../../src/engine/runtime/known-networks.ts';
import { tensor } from '../../src/engine/tensor.ts';
import { inventBytePairs } from '../../src/engine/training/bpe.ts';
import { checkpointOf, saveCheckpoint } from '../../src/engine/training/checkpoint.ts';
import { Dataset } from '../../src/engine/training/data/dataset.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { NOT_TRAINED } from '../../src/engine/training/expect-sizes.ts';
import { exportModel } from '../../src/engine/training/export.ts';
import { learnsFrom, statesOf } from '../../src/engine/training/learned-from.ts';
import { initialState } from '../../src/engine/training/optimizer/optimizer.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import { PARTS } from '../../src/engine/training/part-names.ts';
import { writeRunConfig } from '../../src/engine/training/run-config.ts';
import { clipConfig } from '../../src/engine/training/tasks/clip-encoders.ts';
import { unetConfig } from '../../src/engine/training/tasks/decoder.ts';
import { movqConfig } from '../../src/engine/training/tasks/movq.ts';
import { writeNormalisation } from '../../src/engine/training/tasks/normalisation.ts';
import { priorConfig } from '../../src/engine/training/tasks/prior.ts';
import { TEXT_LENGTH, tokenizerFolder } from '../../src/engine/training/tasks/tokenizer.ts';
import { writeTokenizer } from '../../src/engine/training/tokenizer-folder.ts';
import { writeTinyDataset } from '../report/tiny-dataset.ts';

const WIDTH = 32;
const TOKENS = 600;
const NAMES = ['red', 'green', 'blue'];

/** A data set of three pictures. */
export const writeTinyPictures = (dir: string): Promise<string> =>
  writeTinyDataset(
    dir,
    NAMES.map((name) => ({ name })),
    NAMES.map((concept) => ({ concept, style: 'flat', split: 'train' })),
  );

/** Runs of all that a model needs, as if ten steps had been made: small networks of random weights. */
export async function writeTinyRuns(runs: string): Promise<void> {
  await writeTokenizer(tokenizerFolder(runs), inventBytePairs(TOKENS), TEXT_LENGTH);
  const { text, vision } = clipConfig(TOKENS);
  const narrow = {
    ...{ hidden_size: WIDTH, intermediate_size: WIDTH, projection_dim: WIDTH },
    ...{ num_hidden_layers: 1, num_attention_heads: 2 },
  };
  const clip = { text: { ...text, ...narrow }, vision: { ...vision, ...narrow } };
  const configs = {
    movq: movqConfig([8, 8, 8, 8]),
    clip,
    prior: { ...priorConfig(clip), num_layers: 2 },
    decoder: { ...unetConfig([32, 32], WIDTH), cross_attention_dim: 16 },
  };
  const { text_encoder, image_encoder, prior, unet, movq } = KNOWN_NETWORKS;
  const parameters = {
    movq: movq.parameters(configs.movq, 'movq'),
    clip: [
      ...text_encoder.parameters(clip.text, 'text'),
      ...image_encoder.parameters(clip.vision, 'vision'),
      { name: 'logit_scale', shape: [1] },
    ],
    prior: prior.parameters(configs.prior, 'prior'),
    decoder: unet.parameters(configs.decoder, 'unet'),
  };
  for (const [i, part] of PARTS.entries()) {
    await writeRunConfig(runs, part, configs[part]);
    const random = parameters[part]
      .filter(({ name }) => !NOT_TRAINED.has(name))
      .map(({ name, shape }) => [name, new Dice(i, 0).normal(shape)] as const);
    const network = Parameters.ofTensors(new Map(random));
    const state = { ...initialState(network.import(new Map(random), part)), step: 10 };
    const learnedFrom = await learnsFrom(runs, part);
    await mkdir(join(runs, part), { recursive: true });
    await saveCheckpoint(checkpointOf(runs, part), network, state, { learnedFrom });
  }
  const [mean, deviation] = [0, 1].map((value) => tensor(new Float32Array(WIDTH).fill(value), [1, WIDTH]));
  await writeNormalisation(runs, await clipOf(runs), { mean: mean!, deviation: deviation! });
}

const clipOf = async (runs: string): Promise<string> => (await statesOf(runs, ['clip'])).clip!.weights;

/** Exports such runs of such pictures, with embeddings that are random too. */
export async function exportTiny(
  dir: string,
  runs: string,
  data: string,
  say = (_line: string) => {},
): Promise<string[]> {
  const set = new Dataset(data);
  const embeddings = async () => ({
    embeddings: new Dice(9, 0).normal([NAMES.length, WIDTH]),
    zeroEmbedding: new Dice(9, 1).normal([1, WIDTH]),
    scale: 1,
    clip: await clipOf(runs),
  });
  return exportModel(dir, { runs, data, say }, set, embeddings).finally(() => set.close());
}
