import { PriorConfig, stepTokenCount } from '../../networks/prior.ts';
import { expectAllRead, tensorEntry } from '../../ops/weights.ts';
import { type Tensor, tensor } from '../../tensor.ts';
import { openComponent } from '../../weights/component.ts';
import { priorStepGraph, priorTextGraph, priorTransformerGraph } from '../graphs.ts';
import { record } from '../record.ts';
import type { RuntimeOptions } from '../runtime.ts';
import { column, type Open, readFinite } from './open-network.ts';

interface PriorText {
  /** (B, D) */
  readonly textEmbedding: Tensor;
  /** (B, N, D) with N = num_embeddings */
  readonly textHidden: Tensor;
  /** (B, N): 1 token, 0 padding */
  readonly textMask: Tensor;
}

/** What the prior keeps of B texts: keys and values of each layer, (B, N + 1, width) each. */
type PriorMemory = { readonly [name in `past.${'keys' | 'values'}.${number}`]: Tensor };

interface PriorInputs extends PriorMemory {
  /** Noised image embedding (B, D), in the prior's normalised space. */
  readonly sample: Tensor;
  /** One for each row. */
  readonly timestep: readonly number[];
  /** (B, N) */
  readonly textMask: Tensor;
}

export interface Prior extends Open<PriorConfig> {
  /** (D) each: image embedding = prediction · clipStd + clipMean. */
  readonly clipMean: Float32Array;
  readonly clipStd: Float32Array;
  /** Reads texts, once for all steps. */
  read(text: PriorText): Promise<PriorMemory>;
  /** @returns the predicted clean image embedding (B, D), in the prior's normalised space */
  predict(inputs: PriorInputs): Promise<Tensor>;
}

/** Three sessions that share no weights but the places' embedding: what both text and step go through is loaded once. */
export async function openPrior(dir: string, options: RuntimeOptions = {}): Promise<Prior> {
  const component = await openComponent(dir, 'PriorTransformer', PriorConfig);
  const { config } = component;
  const statistic = (name: string) => readFinite(tensorEntry(component, name, [1, config.embedding_dim]));
  // Two or three tokens a row: sharing them out would take longer than they do.
  const together = { ...options, lanes: 1 };
  const embedText = await record(component, priorTextGraph, together, 'text');
  const embedStep = await record(component, priorStepGraph, together, 'step');
  const transformer = await record(component, priorTransformerGraph, together);
  const width = config.num_attention_heads * config.attention_head_dim;
  const layers = [...Array(config.num_layers).keys()];
  const memory = (of: (kind: 'keys' | 'values', layer: number) => Tensor): PriorMemory =>
    Object.fromEntries(
      layers.flatMap((i) => (['keys', 'values'] as const).map((kind) => [`past.${kind}.${i}`, of(kind, i)])),
    );
  const clipMean = await statistic('clip_mean');
  const clipStd = await statistic('clip_std');
  expectAllRead(component);
  return {
    config,
    clipMean,
    clipStd,
    async read({ textMask, ...text }) {
      const { tokens } = await embedText.run({ ...text });
      const nothing = tensor(new Float32Array(0), [textMask.shape[0]!, 0, width]);
      const bias = causalBias(textMask, 0, config.num_embeddings + 1);
      const read = await transformer.run({ tokens: tokens!, bias, ...memory(() => nothing) });
      return memory((kind, layer) => read[`${kind}.${layer}`]!);
    },
    async predict({ sample, timestep, textMask, ...past }) {
      const { tokens } = await embedStep.run({ sample, timestep: column(timestep) });
      const bias = causalBias(textMask, config.num_embeddings + 1, stepTokenCount(config));
      return (await transformer.run({ tokens: tokens!, bias, ...past }, ['prediction'])).prediction!;
    },
    async close() {
      await Promise.all([embedText, embedStep, transformer].map((session) => session.close()));
    },
  };
}

const OUT_OF_SIGHT = -1e9;
const PADDING = -10_000;

/**
 * Added to the scores of `queries` tokens that follow `past` others: a token sees itself and those before it, and
 * hardly the padding.
 * @param textMask  (B, N), of the first keys
 * @returns (B, 1, queries, past + queries)
 */
function causalBias({ data: mask, shape }: Tensor, past: number, queries: number): Tensor {
  const [batch, texts] = shape as [number, number];
  const keys = past + queries;
  const bias = tensor(new Float32Array(batch * queries * keys), [batch, 1, queries, keys]);
  for (let row = 0; row < batch; row++) {
    for (let query = 0; query < queries; query++) {
      for (let key = 0; key < keys; key++) {
        const padding = key < texts ? (1 - mask[row * texts + key]!) * PADDING : 0;
        bias.data[(row * queries + query) * keys + key] = key > past + query ? OUT_OF_SIGHT : padding;
      }
    }
  }
  return bias;
}
