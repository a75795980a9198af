import { InputError } from '../../../errors.ts';
import { ClipTextConfig, endOfText } from '../../networks/clip-text.ts';
import { ClipVisionConfig } from '../../networks/clip-vision.ts';
import { expectAllRead } from '../../ops/weights.ts';
import type { Tensor } from '../../tensor.ts';
import { type Component, openComponent } from '../../weights/component.ts';
import { clipTextGraph, clipVisionGraph } from '../graphs.ts';
import { record } from '../record.ts';
import type { RuntimeOptions } from '../runtime.ts';
import { integers, type Open } from './open-network.ts';

export interface ClipText extends Open<ClipTextConfig> {
  /**
   * @param ids  rows of one length N ≤ max_position_embeddings, padded
   * @returns hidden (B, N, D) after the final layer norm, embedding (B, P), not normalised
   */
  encode(ids: readonly (readonly number[])[]): Promise<{ hidden: Tensor; embedding: Tensor }>;
}

export async function openClipText(dir: string, options: RuntimeOptions = {}): Promise<ClipText> {
  const component = await openComponent(dir, 'CLIPTextModelWithProjection', ClipTextConfig);
  const { config } = component;
  const session = await record(component, clipTextGraph, inFloat32(options));
  expectAllRead(component);
  return {
    config,
    async encode(ids) {
      const length = expectOneLength(component, ids, config.max_position_embeddings);
      const { hidden, embedding } = await session.run({
        ids: integers(ids.flat(), [ids.length, length]),
        positions: integers([...Array(length).keys()], [1, length]),
        ends: integers(endOfText(ids, config), [ids.length]),
      });
      return { hidden: hidden!, embedding: embedding! };
    },
    close: () => session.close(),
  };
}

export interface ClipVision extends Open<ClipVisionConfig> {
  /**
   * @param pixels  (B, 3, image_size, image_size), preprocessed
   * @returns (B, P), not normalised
   */
  encode(pixels: Tensor): Promise<Tensor>;
}

export async function openClipVision(dir: string, options: RuntimeOptions = {}): Promise<ClipVision> {
  const component = await openComponent(dir, 'CLIPVisionModelWithProjection', ClipVisionConfig);
  const session = await record(component, clipVisionGraph, inFloat32(options));
  expectAllRead(component);
  return {
    config: component.config,
    encode: async (pixels) => (await session.run({ pixels })).embedding!,
    close: () => session.close(),
  };
}

/** CLIP runs once a picture, and what everything else goes by stays exact. */
const inFloat32 = ({ precision: _, calibration: __, ...options }: RuntimeOptions): RuntimeOptions => options;

/** @returns the length that all texts have */
function expectOneLength({ name }: Component<unknown>, ids: readonly (readonly number[])[], longest: number): number {
  const lengths = new Set(ids.map((row) => row.length));
  const [length = 0] = lengths;
  if (lengths.size !== 1 || length > longest) {
    throw new InputError(`${name}: expected texts of one length up to ${longest}, found ${[...lengths].join(', ')}`);
  }
  return length;
}
