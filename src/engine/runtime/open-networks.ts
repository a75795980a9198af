import { InputError } from '../../errors.ts';
import { ArPriorConfig } from '../networks/ar-prior.ts';
import { ClassifierConfig } from '../networks/classifier.ts';
import { ClipTextConfig, endOfText } from '../networks/clip-text.ts';
import { ClipVisionConfig } from '../networks/clip-vision.ts';
import { latentChannels, MovqConfig, quantize } from '../networks/movq.ts';
import { PriorConfig, stepTokenCount } from '../networks/prior.ts';
import { TextProjectionConfig } from '../networks/text-projection.ts';
import { KarloDecoderConfig, SuperResolutionConfig, UnetConfig } from '../networks/unet-config.ts';
import { expectAllRead, tensorEntry } from '../ops/weights.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { type Component, openComponent } from '../weights/component.ts';
import { expectFinite } from '../weights/finite.ts';
import { readTensor, type TensorEntry } from '../weights/safetensors.ts';
import {
  arPriorFirstGraph,
  arPriorNextGraph,
  classifierGraph,
  clipTextGraph,
  clipVisionGraph,
  type GraphBuilder,
  karloDecoderGraph,
  movqDecoderGraph,
  movqEncoderGraph,
  priorStepGraph,
  priorTextGraph,
  priorTransformerGraph,
  superResolutionGraph,
  textProjectionGraph,
  unetGraph,
} from './graphs.ts';
import type { IntegerTensor } from './onnx-session.ts';
import { record } from './record.ts';
import type { RuntimeOptions } from './runtime.ts';

/**
 * Networks ready to run. Opening reads config and weight headers and throws the InputErrors of a broken folder;
 * the weights themselves are loaded at the first call, which throws NonFiniteWeightError where one is NaN or infinite.
 * `close()` frees them: onnxruntime frees nothing by itself.
 */
interface Open<Config> {
  readonly config: Config;
  close(): Promise<void>;
}

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

interface UnetInputs {
  /** (B, in_channels, H, W) with H and W multiples of 2^(blocks − 1) */
  readonly sample: Tensor;
  /** One for each row: rows of one batch may be at different steps. */
  readonly timestep: readonly number[];
  /** (B, encoder_hid_dim) */
  readonly imageEmbedding: Tensor;
}

/** Kandinsky 2.2's decoder. */
export interface Unet extends Open<UnetConfig> {
  /** @returns (B, out_channels, H, W) */
  predict(inputs: UnetInputs): Promise<Tensor>;
}

export async function openUnet(dir: string, options: RuntimeOptions = {}): Promise<Unet> {
  return denoiser(await openComponent(dir, 'UNet2DConditionModel', UnetConfig), unetGraph, options);
}

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

interface KarloDecoderInputs {
  /** (B, in_channels, H, W) with H and W multiples of 2^(blocks − 1) */
  readonly sample: Tensor;
  /** One for each row. */
  readonly timestep: readonly number[];
  /** (B, E) */
  readonly additive: Tensor;
  /** (B, M, cross_attention_dim) */
  readonly context: Tensor;
  /** (B, M): 1 token, 0 padding */
  readonly contextMask: Tensor;
}

export interface KarloDecoder extends Open<KarloDecoderConfig> {
  /** @returns (B, out_channels, H, W) */
  predict(inputs: KarloDecoderInputs): Promise<Tensor>;
}

export async function openKarloDecoder(dir: string, options: RuntimeOptions = {}): Promise<KarloDecoder> {
  return denoiser(await openComponent(dir, 'UNet2DConditionModel', KarloDecoderConfig), karloDecoderGraph, options);
}

interface SuperResolutionInputs {
  /** [noised picture ∥ enlarged picture] (B, in_channels, H, W), H and W multiples of 2^(blocks − 1) */
  readonly sample: Tensor;
  /** One for each row. */
  readonly timestep: readonly number[];
}

/** One of Karlo's two upsamplers. */
export interface SuperResolution extends Open<SuperResolutionConfig> {
  /** @returns (B, out_channels, H, W) */
  predict(inputs: SuperResolutionInputs): Promise<Tensor>;
}

export async function openSuperResolution(dir: string, options: RuntimeOptions = {}): Promise<SuperResolution> {
  return denoiser(await openComponent(dir, 'UNet2DModel', SuperResolutionConfig), superResolutionGraph, options);
}

export interface Movq extends Open<MovqConfig> {
  /**
   * @param image  (B, in_channels, H, W) in [−1, 1], H and W multiples of 2^(blocks − 1)
   * @returns latents (B, vq_embed_dim, h, w), before quantising, unscaled
   */
  encode(image: Tensor): Promise<Tensor>;
  /** Latents (B, vq_embed_dim, h, w) → image (B, out_channels, H, W) about [−1, 1], without quantising. */
  decode(latents: Tensor): Promise<Tensor>;
  /** Each latent vector replaced by the nearest of the codebook. */
  quantize(latents: Tensor): Promise<Tensor>;
}

export async function openMovq(dir: string, options: RuntimeOptions = {}): Promise<Movq> {
  const component = await openComponent(dir, 'VQModel', MovqConfig);
  const { config } = component;
  const codebook = tensorEntry(component, 'quantize.embedding.weight', [
    config.num_vq_embeddings,
    latentChannels(config),
  ]);
  const encoder = await record(component, movqEncoderGraph, options, 'encoder');
  const decoder = await record(component, movqDecoderGraph, options, 'decoder');
  expectAllRead(component);
  return {
    config,
    encode: async (image) => (await encoder.run({ image })).latents!,
    decode: async (latents) => (await decoder.run({ latents })).image!,
    quantize: async (latents) => quantize(latents, await readTensor(codebook)),
    close: async () => {
      await encoder.close();
      await decoder.close();
    },
  };
}

/** The classifier that the report judges pictures by. */
export interface Judge extends Open<ClassifierConfig> {
  /**
   * @param pixels  (B, 3, image_size, image_size) in [−1, 1], composed on white
   * @returns logits (B, concepts), and where each picture lies among styles (B, style_width)
   */
  look(pixels: Tensor): Promise<{ concepts: Tensor; style: Tensor }>;
}

export async function openJudge(dir: string, options: RuntimeOptions = {}): Promise<Judge> {
  const component = await openComponent(dir, 'Judge', ClassifierConfig);
  const session = await record(component, classifierGraph, options);
  expectAllRead(component);
  return {
    config: component.config,
    async look(pixels) {
      const { concepts, style } = await session.run({ pixels });
      return { concepts: concepts!, style: style! };
    },
    close: () => session.close(),
  };
}

interface DenoiserInputs {
  readonly sample: Tensor;
  readonly timestep: readonly number[];
}

/** A U-Net whose rows may be at different steps. */
async function denoiser<C extends { readonly block_out_channels: readonly number[] }, Inputs extends DenoiserInputs>(
  component: Component<C>,
  build: GraphBuilder<C>,
  options: RuntimeOptions,
): Promise<Open<C> & { predict(inputs: Inputs): Promise<Tensor> }> {
  const { config } = component;
  const session = await record(component, build, options);
  expectAllRead(component);
  return {
    config,
    async predict({ timestep, ...inputs }) {
      expectMultiples(component, inputs.sample, 2 ** (config.block_out_channels.length - 1));
      return (await session.run({ ...inputs, timestep: column(timestep) })).prediction!;
    },
    close: () => session.close(),
  };
}

/** CLIP runs once a picture, and what everything else goes by stays exact. */
const inFloat32 = ({ precision: _, calibration: __, ...options }: RuntimeOptions): RuntimeOptions => options;

async function readFinite(entry: TensorEntry): Promise<Float32Array> {
  await expectFinite([entry]);
  return (await readTensor(entry)).data;
}

/** @returns the length that all texts have */
function expectOneLength({ name }: Component<unknown>, ids: readonly (readonly number[])[], longest: number): number {
  const lengths = new Set(ids.map((row) => row.length));
  const [length = 0] = lengths;
  if (lengths.size !== 1 || length > longest) {
    throw new InputError(`${name}: expected texts of one length up to ${longest}, found ${[...lengths].join(', ')}`);
  }
  return length;
}

/** The U-Net halves the picture between its blocks and joins it again at each size. */
function expectMultiples({ name }: Component<unknown>, { shape }: Tensor, factor: number): void {
  if (shape.slice(2).some((size) => size % factor !== 0)) {
    throw new InputError(
      `${name}: sample: expected height and width in multiples of ${factor}, found (${shape.join(', ')})`,
    );
  }
}

const column = (values: readonly number[]): Tensor => tensor(Float32Array.from(values), [values.length, 1]);

const integers = (values: readonly number[], shape: readonly number[]): IntegerTensor => ({
  data: Int32Array.from(values),
  shape,
});
