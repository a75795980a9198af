import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type * as tfjs from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { ClipTextConfig, clipText, endOfText } from '../../src/engine/networks/clip-text.ts';
import { ClipVisionConfig, clipVision } from '../../src/engine/networks/clip-vision.ts';
import { MovqConfig, movqDecoder, movqEncoder } from '../../src/engine/networks/movq.ts';
import { PriorConfig, prior } from '../../src/engine/networks/prior.ts';
import { unet } from '../../src/engine/networks/unet.ts';
import { UnetConfig } from '../../src/engine/networks/unet-config.ts';
import type { Weights } from '../../src/engine/ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../src/engine/ops/tfjs-ops.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import { parseConfig } from '../../src/engine/weights/config.ts';
import { readSafetensors } from '../../src/engine/weights/safetensors.ts';
import { read, TENSORFLOWS, titleOf } from './tfjs-backend.ts';

// The networks as training runs them, against the reference implementation.

type T = tfjs.Tensor;

/** A golden network, opened. */
interface Golden<Config> {
  readonly config: Config;
  readonly weights: Weights<T>;
  readonly expected: ReadonlyMap<string, Tensor>;
  /** A reference tensor as it is, or laid out as an image. */
  readonly value: (name: string) => T;
  readonly image: (name: string) => T;
}

async function open<S extends z.ZodType>(tf: TensorFlow, name: string, schema: S): Promise<Golden<z.infer<S>>> {
  const dir = join(import.meta.dirname, '..', 'golden', 'networks', name);
  const json = JSON.parse(await readFile(join(dir, 'config.json'), 'utf8'));
  const file = json._class_name ? 'diffusion_pytorch_model.safetensors' : 'model.safetensors';
  const tensors = await readSafetensors(join(dir, file));
  const expected = await readSafetensors(join(dir, 'expected.safetensors'));
  const parameters = Parameters.ofTensors(tensors);
  const weights = parameters.weights(parameters.tensors(tf, parameters.import(tensors, name)));
  const value = (key: string) => {
    const { data, shape } = expected.get(key)!;
    return tf.tensor(data, [...shape]);
  };
  const config = parseConfig(schema, json, name);
  return { config, weights, expected, value, image: (key) => new TfjsOps(tf).image(value(key)) };
}

for (const [name, backend] of Object.entries(TENSORFLOWS)) {
  const { tf } = backend;
  const ops = new TfjsOps(tf);
  const title = `${titleOf(name, backend)}: networks agree with the reference`;

  describe.skipIf(backend.skipped)(title, { timeout: 60_000 }, () => {
    beforeAll(backend.select);

    test('MoVQ', async () => {
      const { config, weights, expected, image } = await open(tf, 'vq-group', MovqConfig);
      const latents = movqEncoder(ops, weights, config)(image('in.image'));
      expect(await read(ops.fromImage(latents))).toBeAllClose(expected.get('out.latents')!, { atol: 1e-4 });
      const decoded = movqDecoder(ops, weights, config)(image('out.latents'));
      expect(await read(ops.fromImage(decoded))).toBeAllClose(expected.get('out.image')!, { atol: 1e-4 });
    });

    test.each(['unet-kandinsky', 'unet-other-keys'])('U-Net: %s', async (folder) => {
      const { config, weights, expected, value, image } = await open(tf, folder, UnetConfig);
      const timestep = tf.reshape(value('in.timestep'), [-1, 1]);
      const imageEmbedding = value('in.image_embeds');
      const prediction = unet(ops, weights, config)({ sample: image('in.sample'), timestep, imageEmbedding });
      expect(await read(ops.fromImage(prediction))).toBeAllClose(expected.get('out.sample')!, { atol: 1e-4 });
    });

    test('prior', async () => {
      const { config, weights, expected, value } = await open(tf, 'prior', PriorConfig);
      const prediction = prior(
        ops,
        weights,
        config,
      )({
        sample: value('in.hidden_states'),
        timestep: tf.reshape(value('in.timestep'), [-1, 1]),
        textEmbedding: value('in.proj_embedding'),
        textHidden: value('in.encoder_hidden_states'),
        textMask: value('in.attention_mask'),
      });
      expect(await read(prediction)).toBeAllClose(expected.get('out.predicted_image_embedding')!, { atol: 1e-4 });
    });

    test('CLIP, text', async () => {
      const { config, weights, expected, value } = await open(tf, 'clip-text', ClipTextConfig);
      const ids = value('in.input_ids');
      const length = ids.shape[1]!;
      const ends = endOfText((await ids.array()) as number[][], config);
      const { embedding } = clipText(
        ops,
        weights,
        config,
      )({
        ids,
        positions: tf.reshape(tf.range(0, length, 1, 'int32'), [1, length]),
        ends: tf.tensor1d(ends, 'int32'),
      });
      expect(await read(embedding)).toBeAllClose(expected.get('out.text_embeds')!, { atol: 1e-4 });
    });

    test('CLIP, pictures', async () => {
      const { config, weights, expected, image } = await open(tf, 'clip-vision', ClipVisionConfig);
      const { embedding } = clipVision(ops, weights, config)(image('in.pixel_values'));
      expect(await read(embedding)).toBeAllClose(expected.get('out.image_embeds')!, { atol: 1e-4 });
    });
  });
}
