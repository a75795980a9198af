import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ArPriorConfig, arPrior } from '../../src/engine/networks/ar-prior.ts';
import { TfjsOps } from '../../src/engine/ops/tfjs-ops.ts';
import { findComponents } from '../../src/engine/pca/components.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import { writeSafetensors } from '../../src/engine/weights/safetensors.ts';
import { tensorflow as tf } from '../training/tensorflow-js.ts';

const TINY_AR_PRIOR = {
  ...{ num_attention_heads: 2, attention_head_dim: 4, num_layers: 2 },
  ...{ num_codes: 5, num_buckets: 16, num_similarities: 4 },
};

/** A network of random weights, as TensorFlow.js has it. */
export function randomArPrior(sizes: { readonly embedding_dim: number; readonly num_embeddings: number }) {
  const config = ArPriorConfig.parse({ ...TINY_AR_PRIOR, ...sizes });
  const ops = new TfjsOps(tf);
  const { embedding_dim: width, num_embeddings: tokens, num_codes } = config;
  const nothing = {
    textEmbedding: tf.zeros([1, width]),
    textHidden: tf.zeros([1, tokens, width]),
    textMask: tf.zeros([1, tokens]),
    similarity: tf.zeros([1, 1], 'int32'),
  };
  const parameters = Parameters.of(ops, (weights) =>
    arPrior(ops, weights, config).all(nothing, tf.zeros([1, num_codes], 'int32')),
  );
  // large enough for what comes before to matter
  const values = parameters.initialise(1, (_, shape) => (shape.length === 2 ? { normal: 0.5 } : undefined));
  return { config, ops, parameters, values, weights: parameters.weights(parameters.tensors(tf, values)) };
}

/** Writes `prior_ar` and `prior_pca` into a folder. */
export async function writeRandomArPrior(
  dir: string,
  sizes: { readonly embedding_dim: number; readonly num_embeddings: number },
): Promise<ReturnType<typeof randomArPrior>> {
  const network = randomArPrior(sizes);
  const write = async (name: string, config: object, weights: ReadonlyMap<string, Tensor>) => {
    await mkdir(join(dir, name), { recursive: true });
    await writeFile(join(dir, name, 'config.json'), JSON.stringify(config));
    await writeSafetensors(join(dir, name, 'model.safetensors'), weights);
  };
  const { config, parameters, values } = network;
  await write('prior_ar', { _class_name: 'AutoregressivePrior', ...config }, parameters.export(values));
  const { embedding_dim } = sizes;
  const components = findComponents(new Dice(2, 0).normal([4 * embedding_dim, embedding_dim]));
  await write('prior_pca', { _class_name: 'PrincipalComponents', embedding_dim }, new Map(Object.entries(components)));
  return network;
}
