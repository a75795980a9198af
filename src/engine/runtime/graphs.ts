import { type ArPriorConfig, arPrior, type Memory, type Predicted } from '../networks/ar-prior.ts';
import { type ClassifierConfig, classifier } from '../networks/classifier.ts';
import { type ClipTextConfig, clipText } from '../networks/clip-text.ts';
import { type ClipVisionConfig, clipVision } from '../networks/clip-vision.ts';
import { latentChannels, type MovqConfig, movqDecoder, movqEncoder } from '../networks/movq.ts';
import { type PriorConfig, prior, priorParts } from '../networks/prior.ts';
import { type TextProjectionConfig, textProjection } from '../networks/text-projection.ts';
import { karloDecoder, superResolution, unet } from '../networks/unet.ts';
import type { KarloDecoderConfig, SuperResolutionConfig, UnetConfig } from '../networks/unet-config.ts';
import { DYNAMIC, type OnnxGraph } from '../ops/onnx-graph.ts';
import { OnnxOps, type OnnxValue } from '../ops/onnx-ops.ts';
import type { Weights } from '../ops/ops.ts';
import { componentWeights } from '../ops/weights.ts';
import type { Component } from '../weights/component.ts';

/** Makes a graph's inputs, calls the network, names the outputs. */
export type GraphBuilder<Config> = (ops: OnnxOps, w: Weights<OnnxValue>, c: Config) => Record<string, OnnxValue>;

/**
 * Records a network's graph; of the weights only the headers are read.
 * @param taps  modules whose outputs become outputs of the graph too, named `tap.<module>`
 * @param ops   how its operations are written down: in float32 unless told otherwise
 * @throws WeightMismatchError
 */
export function recordGraph<Config>(
  component: Component<Config>,
  build: GraphBuilder<Config>,
  taps: ReadonlySet<string> = new Set(),
  ops: OnnxOps = new OnnxOps(),
): OnnxGraph {
  const tapped = new Map<string, OnnxValue>();
  const onTap = (module: string, output: OnnxValue) => {
    if (taps.has(module)) tapped.set(module, output);
  };
  const outputs = build(
    ops,
    componentWeights(component, (entry) => ops.weight(entry), onTap),
    component.config,
  );
  for (const [name, value] of Object.entries(outputs)) ops.output(name, value);
  for (const [module, value] of tapped) ops.output(`tap.${module}`, value);
  return ops.graph;
}

const BATCH = DYNAMIC;

/** ids (B, N), positions (1, N), ends (B) → hidden, embedding */
export const clipTextGraph: GraphBuilder<ClipTextConfig> = (ops, w, c) => {
  const ids = ops.input('ids', [BATCH, DYNAMIC], 'integer');
  const positions = ops.input('positions', [1, DYNAMIC], 'integer');
  const ends = ops.input('ends', [BATCH], 'integer');
  return clipText(ops, w, c)({ ids, positions, ends });
};

/** pixels → hidden, embedding */
export const clipVisionGraph: GraphBuilder<ClipVisionConfig> = (ops, w, c) => {
  const pixels = ops.input('pixels', [BATCH, c.num_channels, c.image_size, c.image_size]);
  const { hidden, embedding } = clipVision(ops, w, c)(pixels);
  return { hidden, embedding };
};

/** sample, timestep (B, 1), textEmbedding, textHidden, textMask → prediction */
export const priorGraph: GraphBuilder<PriorConfig> = (ops, w, c) => {
  const sample = ops.input('sample', [BATCH, c.embedding_dim]);
  const timestep = ops.input('timestep', [BATCH, 1]);
  const textEmbedding = ops.input('textEmbedding', [BATCH, c.embedding_dim]);
  const textHidden = ops.input('textHidden', [BATCH, c.num_embeddings, c.embedding_dim]);
  const textMask = ops.input('textMask', [BATCH, c.num_embeddings]);
  return { prediction: prior(ops, w, c)({ sample, timestep, textEmbedding, textHidden, textMask }) };
};

/** textEmbedding, textHidden → tokens (B, N + 1, width) */
export const priorTextGraph: GraphBuilder<PriorConfig> = (ops, w, c) => {
  const textEmbedding = ops.input('textEmbedding', [BATCH, c.embedding_dim]);
  const textHidden = ops.input('textHidden', [BATCH, c.num_embeddings, c.embedding_dim]);
  return { tokens: priorParts(ops, w, c).textTokens({ textEmbedding, textHidden }) };
};

/** sample, timestep (B, 1) → tokens (B, 2 or 3, width) */
export const priorStepGraph: GraphBuilder<PriorConfig> = (ops, w, c) => {
  const sample = ops.input('sample', [BATCH, c.embedding_dim]);
  return { tokens: priorParts(ops, w, c).stepTokens({ sample, timestep: ops.input('timestep', [BATCH, 1]) }) };
};

/** tokens (B, n, width), bias (B, 1, n, m + n), past.keys.0 (B, m, width), … → prediction, keys.0, … with the tokens' */
export const priorTransformerGraph: GraphBuilder<PriorConfig> = (ops, w, c) => {
  const width = c.num_attention_heads * c.attention_head_dim;
  const tokens = ops.input('tokens', [BATCH, DYNAMIC, width]);
  const bias = ops.input('bias', [BATCH, 1, DYNAMIC, DYNAMIC]);
  const past = memoryInputs(ops, c.num_layers, width);
  const { prediction, memory } = priorParts(ops, w, c).transform(tokens, bias, past);
  return { prediction, ...memoryOutputs(memory) };
};

/** textEmbedding, textHidden, textMask, similarity → logits, keys.0, values.0, … */
export const arPriorFirstGraph: GraphBuilder<ArPriorConfig> = (ops, w, c) => {
  const textEmbedding = ops.input('textEmbedding', [BATCH, c.embedding_dim]);
  const textHidden = ops.input('textHidden', [BATCH, c.num_embeddings, c.embedding_dim]);
  const textMask = ops.input('textMask', [BATCH, c.num_embeddings]);
  const similarity = ops.input('similarity', [BATCH, 1], 'integer');
  return predicted(arPrior(ops, w, c).first({ textEmbedding, textHidden, textMask, similarity }));
};

/** code (B, 1), position (1, 1), textMask, keys.0, values.0, … → logits, keys.0, values.0, … with the code's */
export const arPriorNextGraph: GraphBuilder<ArPriorConfig> = (ops, w, c) => {
  const code = ops.input('code', [BATCH, 1], 'integer');
  const position = ops.input('position', [1, 1], 'integer');
  const textMask = ops.input('textMask', [BATCH, c.num_embeddings]);
  const width = c.num_attention_heads * c.attention_head_dim;
  const past = memoryInputs(ops, c.num_layers, width);
  return predicted(arPrior(ops, w, c).next(code, position, textMask, past));
};

function predicted({ logits, memory }: Predicted<OnnxValue>): Record<string, OnnxValue> {
  return { logits, ...memoryOutputs(memory) };
}

function memoryInputs(ops: OnnxOps, layers: number, width: number): Memory<OnnxValue> {
  return Array.from({ length: layers }, (_, i) => ({
    keys: ops.input(`past.keys.${i}`, [BATCH, DYNAMIC, width]),
    values: ops.input(`past.values.${i}`, [BATCH, DYNAMIC, width]),
  }));
}

function memoryOutputs(memory: Memory<OnnxValue>): Record<string, OnnxValue> {
  const remembered = memory.flatMap(({ keys, values }, i) => [
    [`keys.${i}`, keys],
    [`values.${i}`, values],
  ]);
  return Object.fromEntries(remembered);
}

/** sample, timestep (B, 1), imageEmbedding → prediction */
export const unetGraph: GraphBuilder<UnetConfig> = (ops, w, c) => {
  const sample = ops.input('sample', [BATCH, c.in_channels, DYNAMIC, DYNAMIC]);
  const timestep = ops.input('timestep', [BATCH, 1]);
  const imageEmbedding = ops.input('imageEmbedding', [BATCH, c.encoder_hid_dim]);
  return { prediction: unet(ops, w, c)({ sample, timestep, imageEmbedding }) };
};

/** sample, timestep (B, 1), additive, context, contextMask → prediction */
export const karloDecoderGraph: GraphBuilder<KarloDecoderConfig> = (ops, w, c) => {
  const sample = ops.input('sample', [BATCH, c.in_channels, DYNAMIC, DYNAMIC]);
  const timestep = ops.input('timestep', [BATCH, 1]);
  const additive = ops.input('additive', [BATCH, c.time_embedding_dim ?? 4 * c.block_out_channels[0]!]);
  const context = ops.input('context', [BATCH, DYNAMIC, c.cross_attention_dim]);
  const contextMask = ops.input('contextMask', [BATCH, DYNAMIC]);
  return { prediction: karloDecoder(ops, w, c)({ sample, timestep, additive, context, contextMask }) };
};

/** sample, timestep (B, 1) → prediction */
export const superResolutionGraph: GraphBuilder<SuperResolutionConfig> = (ops, w, c) => {
  const sample = ops.input('sample', [BATCH, c.in_channels, DYNAMIC, DYNAMIC]);
  return { prediction: superResolution(ops, w, c)({ sample, timestep: ops.input('timestep', [BATCH, 1]) }) };
};

/** imageEmbedding, textEmbedding, textHidden → additive, context */
export const textProjectionGraph: GraphBuilder<TextProjectionConfig> = (ops, w, c) => {
  const imageEmbedding = ops.input('imageEmbedding', [BATCH, c.clip_embeddings_dim]);
  const textEmbedding = ops.input('textEmbedding', [BATCH, c.clip_embeddings_dim]);
  const textHidden = ops.input('textHidden', [BATCH, DYNAMIC, c.clip_embeddings_dim]);
  return textProjection(ops, w, c)({ imageEmbedding, textEmbedding, textHidden });
};

/** image → latents */
export const movqEncoderGraph: GraphBuilder<MovqConfig> = (ops, w, c) => {
  const image = ops.input('image', [BATCH, c.in_channels, DYNAMIC, DYNAMIC]);
  return { latents: movqEncoder(ops, w, c)(image) };
};

/** latents → image */
export const movqDecoderGraph: GraphBuilder<MovqConfig> = (ops, w, c) => {
  const latents = ops.input('latents', [BATCH, latentChannels(c), DYNAMIC, DYNAMIC]);
  return { image: movqDecoder(ops, w, c)(latents) };
};

/** pixels → concepts, style */
export const classifierGraph: GraphBuilder<ClassifierConfig> = (ops, w, c) => {
  const { concepts, style } = classifier(ops, w, c)(ops.input('pixels', [BATCH, 3, c.image_size, c.image_size]));
  return { concepts, style };
};
