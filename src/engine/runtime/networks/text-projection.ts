import { TextProjectionConfig } from '../../networks/text-projection.ts';
import { expectAllRead, tensorEntry } from '../../ops/weights.ts';
import { type Tensor, tensor } from '../../tensor.ts';
import { openComponent } from '../../weights/component.ts';
import { textProjectionGraph } from '../graphs.ts';
import { record } from '../record.ts';
import type { RuntimeOptions } from '../runtime.ts';
import { type Open, readFinite } from './open-network.ts';

interface TextProjectionInputs {
  /** z_i (B, D) */
  readonly imageEmbedding: Tensor;
  /** z_t (B, D) */
  readonly textEmbedding: Tensor;
  /** (B, N, D) */
  readonly textHidden: Tensor;
}

/** What Karlo's decoder is shown of text and picture. */
export interface TextProjection extends Open<TextProjectionConfig> {
  /** Stands in for z_i where nothing is asked for, (1, D). */
  readonly unconditional: Tensor;
  /** @returns additive (B, E) and context (B, 4 + N, cross_attention_dim) */
  project(inputs: TextProjectionInputs): Promise<{ additive: Tensor; context: Tensor }>;
}

export async function openTextProjection(dir: string, options: RuntimeOptions = {}): Promise<TextProjection> {
  const component = await openComponent(dir, 'UnCLIPTextProjModel', TextProjectionConfig);
  const { config } = component;
  const width = config.clip_embeddings_dim;
  const unconditional = tensorEntry(component, 'learned_classifier_free_guidance_embeddings', [width]);
  const session = await record(component, textProjectionGraph, options);
  expectAllRead(component);
  return {
    config,
    unconditional: tensor(await readFinite(unconditional), [1, width]),
    async project(inputs) {
      const { additive, context } = await session.run({ ...inputs });
      return { additive: additive!, context: context! };
    },
    close: () => session.close(),
  };
}
