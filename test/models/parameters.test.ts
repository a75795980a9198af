import { expect, test } from 'vitest';
import { PUBLISHED_SHAPES, type PublishedModel } from '../../src/engine/models/published-shapes.ts';
import { KNOWN_NETWORKS } from '../../src/engine/runtime/known-networks.ts';
import { ConfigError } from '../../src/engine/weights/config.ts';

/** As diffusers and transformers count them, with clip_mean and clip_std, and the codebook. */
test.each<[PublishedModel, Record<string, number>]>([
  [
    'karlo',
    {
      prior: 1_022_030_080,
      text_proj: 7_878_400,
      decoder: 885_439_686,
      super_res_first: 691_579_523,
      super_res_last: 691_579_523,
      text_encoder: 123_650_304,
      image_encoder: 303_966_208,
    },
  ],
  [
    'kandinsky22',
    {
      prior: 1_026_225_920,
      text_encoder: 694_659_840,
      image_encoder: 1_844_907_264,
      unet: 1_253_057_288,
      movq: 67_832_495,
    },
  ],
])('the networks of %s have as many parameters as the published ones', (model, expected) => {
  const networks = PUBLISHED_SHAPES[model].flatMap((part) => Object.entries<object>(part.networks));
  const counts = networks.map(([name, config]) => {
    const parameters = KNOWN_NETWORKS[name as keyof typeof KNOWN_NETWORKS].parameters(config, name);
    return [name, parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0)];
  });
  expect(Object.fromEntries(counts)).toEqual(expected);
});

test('a config that no network has is refused', () => {
  const [{ networks }] = PUBLISHED_SHAPES.karlo;
  const config = { ...networks.decoder, class_embed_type: 'timestep' };
  expect(() => KNOWN_NETWORKS.decoder.parameters(config, 'decoder')).toThrow(ConfigError);
});
