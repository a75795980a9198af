import { ClipTextConfig, endOfText } from '../../networks/clip-text.ts';
import { ClipVisionConfig } from '../../networks/clip-vision.ts';
import { latentChannels, MovqConfig, quantize } from '../../networks/movq.ts';
import { PriorConfig } from '../../networks/prior.ts';
import { TextProjectionConfig } from '../../networks/text-projection.ts';
import { KarloDecoderConfig, SuperResolutionConfig, UnetConfig } from '../../networks/unet-config.ts';
import { tensorEntry } from '../../ops/weights.ts';
import {
  clipTextGraph,
  clipVisionGraph,
  type GraphBuilder,
  karloDecoderGraph,
  movqDecoderGraph,
  movqEncoderGraph,
  priorGraph,
  recordGraph,
  superResolutionGraph,
  textProjectionGraph,
  unetGraph,
} from '../../runtime/graphs.ts';
import type { IntegerTensor } from '../../runtime/onnx-session.ts';
import { Session } from '../../runtime/session.ts';
import { concatRows, type Tensor } from '../../tensor.ts';
import { type Component, classNameOf, openComponent } from '../../weights/component.ts';
import { readTensor } from '../../weights/safetensors.ts';
import type { Check } from './check.ts';
import type { Comparison } from './comparison.ts';
import type { Folder } from './folder.ts';

const TOLERANCE = { max: 1e-4 };

/** One network: config, weights, inputs, outputs, and the outputs of inner modules (`tap.<module>`). */
export const networks: Check = {
  name: 'network',
  recognises: async (folder) => (await networkOf(folder)) !== undefined,
  async run(folder, comparison) {
    const compare = await networkOf(folder);
    await compare?.(folder.path, comparison);
  },
};

type CompareNetwork = (dir: string, comparison: Comparison) => Promise<void>;

const NETWORKS: Record<string, CompareNetwork> = {
  CLIPTextModelWithProjection: compareClipText,
  CLIPVisionModelWithProjection: compareClipVision,
  PriorTransformer: comparePrior,
  UnCLIPTextProjModel: compareTextProjection,
  UNet2DConditionModel: compareUnet,
  UNet2DModel: compareSuperResolution,
  VQModel: compareMovq,
};

async function networkOf(folder: Folder): Promise<CompareNetwork | undefined> {
  if (!folder.has('config.json') || !folder.has('expected.safetensors')) return undefined;
  const config = await folder.json('config.json');
  const className = classNameOf(config);
  // One class for both decoders: Karlo's takes what is added to the time embedding as a class label.
  const karlo = className === 'UNet2DConditionModel' && Object(config).class_embed_type === 'identity';
  return karlo ? compareKarloDecoder : NETWORKS[className];
}

async function compareClipText(dir: string, comparison: Comparison) {
  const component = await openComponent(dir, 'CLIPTextModelWithProjection', ClipTextConfig);
  const ids = integers(comparison.input('in.input_ids'));
  const [batch, length] = ids.shape as [number, number];
  const texts = Array.from({ length: batch }, (_, i) => [...ids.data.subarray(i * length, (i + 1) * length)]);
  const positions = { data: Int32Array.from({ length }, (_, i) => i), shape: [1, length] };
  const ends = { data: Int32Array.from(endOfText(texts, component.config)), shape: [batch] };
  const { hidden, embedding } = await run(component, clipTextGraph, { ids, positions, ends }, comparison);
  comparison.compare('out.last_hidden_state', hidden!, TOLERANCE);
  comparison.compare('out.text_embeds', embedding!, TOLERANCE);
}

async function compareClipVision(dir: string, comparison: Comparison) {
  const component = await openComponent(dir, 'CLIPVisionModelWithProjection', ClipVisionConfig);
  const pixels = comparison.input('in.pixel_values');
  const { hidden, embedding } = await run(component, clipVisionGraph, { pixels }, comparison);
  comparison.compare('out.last_hidden_state', hidden!, TOLERANCE);
  comparison.compare('out.image_embeds', embedding!, TOLERANCE);
}

async function comparePrior(dir: string, comparison: Comparison) {
  const component = await openComponent(dir, 'PriorTransformer', PriorConfig);
  const inputs = {
    sample: comparison.input('in.hidden_states'),
    timestep: column(comparison.input('in.timestep')),
    textEmbedding: comparison.input('in.proj_embedding'),
    textHidden: comparison.input('in.encoder_hidden_states'),
    textMask: comparison.input('in.attention_mask'),
  };
  const { prediction } = await run(component, priorGraph, inputs, comparison);
  // Without a query token the reference answers in tokens, (B, 1, D).
  const reference = comparison.input('out.predicted_image_embedding');
  const shape = reference.shape.length === 3 ? [prediction!.shape[0]!, 1, prediction!.shape[1]!] : prediction!.shape;
  comparison.compare('out.predicted_image_embedding', { data: prediction!.data, shape }, TOLERANCE);
}

async function compareUnet(dir: string, comparison: Comparison) {
  const component = await openComponent(dir, 'UNet2DConditionModel', UnetConfig);
  const inputs = {
    sample: comparison.input('in.sample'),
    timestep: column(comparison.input('in.timestep')),
    imageEmbedding: comparison.input('in.image_embeds'),
  };
  const { prediction } = await run(component, unetGraph, inputs, comparison);
  comparison.compare('out.sample', prediction!, TOLERANCE);
}

async function compareKarloDecoder(dir: string, comparison: Comparison) {
  const component = await openComponent(dir, 'UNet2DConditionModel', KarloDecoderConfig);
  const inputs = {
    sample: comparison.input('in.sample'),
    timestep: column(comparison.input('in.timestep')),
    additive: comparison.input('in.class_labels'),
    context: comparison.input('in.encoder_hidden_states'),
    contextMask: comparison.input('in.attention_mask'),
  };
  const { prediction } = await run(component, karloDecoderGraph, inputs, comparison);
  comparison.compare('out.sample', prediction!, TOLERANCE);
}

async function compareSuperResolution(dir: string, comparison: Comparison) {
  const component = await openComponent(dir, 'UNet2DModel', SuperResolutionConfig);
  const inputs = { sample: comparison.input('in.sample'), timestep: column(comparison.input('in.timestep')) };
  const { prediction } = await run(component, superResolutionGraph, inputs, comparison);
  comparison.compare('out.sample', prediction!, TOLERANCE);
}

/** The reference is called with guidance: texts of [unconditional, conditional] rows, images of the latter only. */
async function compareTextProjection(dir: string, comparison: Comparison) {
  const component = await openComponent(dir, 'UnCLIPTextProjModel', TextProjectionConfig);
  const images = comparison.input('in.image_embeddings');
  const width = component.config.clip_embeddings_dim;
  const { data } = await readTensor(tensorEntry(component, 'learned_classifier_free_guidance_embeddings', [width]));
  const unconditional = Array<Tensor>(images.shape[0]!).fill({ data, shape: [1, width] });
  const inputs = {
    imageEmbedding: concatRows([...unconditional, images]),
    textEmbedding: comparison.input('in.prompt_embeds'),
    textHidden: comparison.input('in.text_hidden'),
  };
  const { additive, context } = await run(component, textProjectionGraph, inputs, comparison);
  comparison.compare('out.additive', additive!, TOLERANCE);
  comparison.compare('out.encoder_hidden_states', context!, TOLERANCE);
}

async function compareMovq(dir: string, comparison: Comparison) {
  const component = await openComponent(dir, 'VQModel', MovqConfig);
  const { latents } = await run(component, movqEncoderGraph, { image: comparison.input('in.image') }, comparison);
  comparison.compare('out.latents', latents!, TOLERANCE);

  // From the reference's latents: the last bit of ours could tip a vector that lies between two codes.
  const reference = comparison.input('out.latents');
  const { image } = await run(component, movqDecoderGraph, { latents: reference }, comparison);
  comparison.compare('out.image', image!, TOLERANCE);

  const { num_vq_embeddings: codes } = component.config;
  const entry = tensorEntry(component, 'quantize.embedding.weight', [codes, latentChannels(component.config)]);
  const quantized = { latents: quantize(reference, await readTensor(entry)) };
  comparison.compare('out.image_quantized', (await run(component, movqDecoderGraph, quantized)).image!, TOLERANCE);
}

/** Runs a graph once; with a comparison, the expected inner values are compared too. */
async function run<C>(
  component: Component<C>,
  build: GraphBuilder<C>,
  inputs: Record<string, Tensor | IntegerTensor>,
  comparison?: Comparison,
): Promise<Record<string, Tensor>> {
  const taps = (comparison?.names ?? []).filter((name) => name.startsWith('tap.'));
  const session = new Session(recordGraph(component, build, new Set(taps.map((name) => name.slice(4)))), {});
  try {
    const outputs = await session.run(inputs);
    for (const name of taps) if (outputs[name]) comparison?.compare(name, outputs[name], TOLERANCE);
    return outputs;
  } finally {
    await session.close();
  }
}

/** (B) → (B, 1) */
const column = ({ data }: Tensor): Tensor => ({ data, shape: [data.length, 1] });

const integers = ({ data, shape }: Tensor): IntegerTensor => ({ data: Int32Array.from(data), shape });
