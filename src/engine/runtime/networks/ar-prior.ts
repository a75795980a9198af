import { ArPriorConfig } from '../../networks/ar-prior.ts';
import { expectAllRead } from '../../ops/weights.ts';
import type { Tensor } from '../../tensor.ts';
import { openComponent } from '../../weights/component.ts';
import { arPriorFirstGraph, arPriorNextGraph } from '../graphs.ts';
import { record } from '../record.ts';
import type { RuntimeOptions } from '../runtime.ts';
import { integers, type Open } from './open-network.ts';

interface ArPriorInputs {
  /** (B, D) */
  readonly textEmbedding: Tensor;
  /** (B, N, D) with N = num_embeddings */
  readonly textHidden: Tensor;
  /** (B, N): 1 token, 0 padding */
  readonly textMask: Tensor;
  /** Of each row, the bucket of z_i·z_t; `num_similarities` where the text is empty. */
  readonly similarity: readonly number[];
}

/** One row after another of codes being drawn. */
interface CodeWriter {
  /** Logits (B, num_buckets) of the first code. */
  readonly logits: Tensor;
  /** @param codes  the one that was drawn, of each row @returns the logits of the next */
  next(codes: readonly number[]): Promise<Tensor>;
}

export interface ArPrior extends Open<ArPriorConfig> {
  begin(inputs: ArPriorInputs): Promise<CodeWriter>;
}

/** Keys and values of earlier tokens are kept: a code costs one token. */
export async function openArPrior(dir: string, options: RuntimeOptions = {}): Promise<ArPrior> {
  const component = await openComponent(dir, 'AutoregressivePrior', ArPriorConfig);
  const { config } = component;
  const first = await record(component, arPriorFirstGraph, options, 'text');
  const next = await record(component, arPriorNextGraph, options, 'code');
  expectAllRead(component);
  return {
    config,
    async begin({ similarity, ...text }) {
      let position = config.num_embeddings + 2;
      const { logits, ...begun } = await first.run({
        ...text,
        similarity: integers(similarity, [similarity.length, 1]),
      });
      let memory = begun;
      return {
        logits: logits!,
        async next(codes) {
          const { logits, ...grown } = await next.run({
            code: integers(codes, [codes.length, 1]),
            position: integers([position++], [1, 1]),
            textMask: text.textMask,
            ...Object.fromEntries(Object.entries(memory).map(([name, x]) => [`past.${name}`, x])),
          });
          memory = grown;
          return logits!;
        },
      };
    },
    async close() {
      await first.close();
      await next.close();
    },
  };
}
