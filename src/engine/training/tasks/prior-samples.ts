import type * as tfjs from '@tensorflow/tfjs-core';
import { withGuidance } from '../../diffusion/guidance.ts';
import { schedulerFromConfig } from '../../diffusion/scheduler.ts';
import { type ArPriorConfig, arPrior, type Predicted } from '../../networks/ar-prior.ts';
import { type PriorConfig, prior } from '../../networks/prior.ts';
import type { LayerMemory } from '../../networks/transformer-layer.ts';
import type { Weights } from '../../ops/ops.ts';
import { type TensorFlow, TfjsOps } from '../../ops/tfjs-ops.ts';
import type { PrincipalComponents } from '../../pca/components.ts';
import type { TextCondition } from '../../pipeline/clip.ts';
import { arPriorStage, sampleArPrior } from '../../pipeline/sample-ar-prior.ts';
import { TorchGenerator } from '../../random/torch-generator.ts';
import type { ArPrior } from '../../runtime/networks/ar-prior.ts';
import { rows, type Tensor, tensor } from '../../tensor.ts';
import { DRAWING_SETTINGS } from '../drawing-settings.ts';
import type { FrozenText } from './clip-encoders.ts';
import { captionEncoder, tokenize } from './encode-captions.ts';
import { evaluated, evaluatedAll } from './evaluated.ts';
import { PRIOR_SCHEDULER } from './noising.ts';
import type { Normalisation } from './normalisation.ts';
import { SAMPLE_SEED } from './sample-pictures.ts';

type T = tfjs.Tensor;

/** Draws a sheet, PNG: pictures of a data set, and below them what a prior makes of their names. @param embed a text → z_i (1, P) */
export type DrawPriorSheet = (embed: (text: string) => Promise<Tensor>) => Promise<Buffer>;

/** z_i of texts by a diffusion prior that is being trained, (1, P) each: as an exported model makes them, with one seed. */
export function priorSampler(
  tf: TensorFlow,
  text: FrozenText,
  config: PriorConfig,
  { mean, deviation }: Normalisation,
): (weights: Weights<T>, caption: string) => Promise<Tensor> {
  const ops = new TfjsOps(tf);
  const encode = pairEncoder(tf, text);
  const scheduler = schedulerFromConfig(PRIOR_SCHEDULER, 'prior_scheduler');
  const { priorSteps, priorGuidanceScale } = DRAWING_SETTINGS;
  return async (weights, caption) => {
    const { textEmbedding, textHidden, textMask } = await encode(caption);
    const network = prior(ops, weights, config, textHidden.shape[1]);
    const denoise = (sample: Tensor, t: number) =>
      evaluated(tf, () =>
        network({
          sample: asTensor(tf, sample),
          timestep: tf.fill([sample.shape[0]!, 1], t),
          textEmbedding: asTensor(tf, textEmbedding),
          textHidden: asTensor(tf, textHidden),
          textMask: asTensor(tf, textMask),
        }),
      );
    const generator = new TorchGenerator(SAMPLE_SEED);
    const noise = () => generator.randn([1, config.embedding_dim]);
    const guided = withGuidance(denoise, priorGuidanceScale);
    const normalised = await scheduler.sampler(guided, noise(), scheduler.schedule(priorSteps), { noise });
    return tensor(
      normalised.data.map((x, d) => x * deviation.data[d]! + mean.data[d]!),
      normalised.shape,
    );
  };
}

/** The same by an autoregressive prior. */
export function arPriorSampler(
  tf: TensorFlow,
  text: FrozenText,
  config: ArPriorConfig,
  components: PrincipalComponents,
): (weights: Weights<T>, caption: string) => Promise<Tensor> {
  const encode = pairEncoder(tf, text);
  return async (weights, caption) => {
    const { textEmbedding, textHidden, textMask } = await encode(caption);
    const row = (i: number) => ({
      textEmbedding: rows(textEmbedding, i, i + 1),
      textHidden: rows(textHidden, i, i + 1),
      textMask: rows(textMask, i, i + 1),
    });
    return sampleArPrior(arPriorStage(arPriorOf(tf, weights, config), components, 2), {
      unconditional: row(0),
      text: row(1),
      isUnconditionalEmpty: true,
      guidanceScale: DRAWING_SETTINGS.priorGuidanceScale,
      generator: new TorchGenerator(SAMPLE_SEED),
    });
  };
}

/** What the text encoder makes of the empty text and of a caption, in two rows: once for all steps. */
function pairEncoder(tf: TensorFlow, text: FrozenText): (caption: string) => Promise<TextCondition> {
  const encode = captionEncoder(tf, text);
  return async (caption) => {
    const [textEmbedding, textHidden, textMask] = (await evaluatedAll(tf, () => {
      const encoded = encode(tokenize(text, ['', caption]));
      return [encoded.textEmbedding, encoded.textHidden, encoded.textMask];
    })) as [Tensor, Tensor, Tensor];
    return { textEmbedding, textHidden, textMask };
  };
}

const asTensor = (tf: TensorFlow, { data, shape }: Tensor): T => tf.tensor(data, [...shape]);

/** The network as it is sampled from, its memory outside TensorFlow: nobody says when it isn't needed any more. */
function arPriorOf(tf: TensorFlow, weights: Weights<T>, config: ArPriorConfig): ArPrior {
  const column = (values: readonly number[]): T => tf.tensor2d([...values], [values.length, 1], 'int32');
  return {
    config,
    async begin({ similarity, textMask, ...text }) {
      const network = arPrior(new TfjsOps(tf), weights, config, text.textHidden.shape[1]);
      let position = config.num_embeddings + 2;
      let memory: readonly LayerMemory<Tensor>[] = [];
      const predict = async (compute: () => Predicted<T>): Promise<Tensor> => {
        const [logits, ...grown] = await evaluatedAll(tf, () => {
          const predicted = compute();
          return [predicted.logits, ...predicted.memory.flatMap(({ keys, values }) => [keys, values])];
        });
        memory = Array.from({ length: grown.length / 2 }, (_, i) => ({
          keys: grown[2 * i]!,
          values: grown[2 * i + 1]!,
        }));
        return logits!;
      };
      const condition = () => ({
        textEmbedding: asTensor(tf, text.textEmbedding),
        textHidden: asTensor(tf, text.textHidden),
        textMask: asTensor(tf, textMask),
        similarity: column(similarity),
      });
      return {
        logits: await predict(() => network.first(condition())),
        next: (codes) =>
          predict(() => {
            const past = memory.map(({ keys, values }) => ({ keys: asTensor(tf, keys), values: asTensor(tf, values) }));
            return network.next(column(codes), column([position++]), asTensor(tf, textMask), past);
          }),
      };
    },
    close: async () => {},
  };
}
