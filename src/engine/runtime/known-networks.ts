import type { z } from 'zod';
import { ArPriorConfig } from '../networks/ar-prior.ts';
import { ClipTextConfig } from '../networks/clip-text.ts';
import { ClipVisionConfig } from '../networks/clip-vision.ts';
import { latentChannels, MovqConfig } from '../networks/movq.ts';
import { PriorConfig } from '../networks/prior.ts';
import { TextProjectionConfig } from '../networks/text-projection.ts';
import { KarloDecoderConfig, SuperResolutionConfig, UnetConfig } from '../networks/unet-config.ts';
import { OnnxOps, type OnnxValue } from '../ops/onnx-ops.ts';
import type { Weights } from '../ops/ops.ts';
import { expectAllRead, tensorEntry } from '../ops/weights.ts';
import { ComponentsConfig, componentShapes } from '../pca/open-components.ts';
import { type Component, openComponent } from '../weights/component.ts';
import { parseConfig } from '../weights/config.ts';
import type { TensorEntry } from '../weights/safetensors.ts';
import {
  arPriorFirstGraph,
  arPriorNextGraph,
  clipTextGraph,
  clipVisionGraph,
  type GraphBuilder,
  karloDecoderGraph,
  movqDecoderGraph,
  movqEncoderGraph,
  priorGraph,
  superResolutionGraph,
  textProjectionGraph,
  unetGraph,
} from './graphs.ts';

/** Name and shape of a parameter, as torch has it. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A component whose weights are all there. */
interface CheckedComponent extends Component<unknown> {
  /** What the network reads of its files. */
  readonly parameters: readonly TensorEntry[];
  /** What it makes of what. */
  readonly does: string;
}

export interface KnownNetwork {
  readonly className: string;
  /**
   * The parameters of a network, as its own function asks for them; no weights are needed.
   * @param json   a parsed config.json
   * @param where  names it in messages
   * @throws ConfigError
   */
  parameters(json: object, where: string): readonly Parameter[];
  /** Reads config and headers. @throws InputError naming the first key or tensor that isn't as it should be */
  check(dir: string): Promise<CheckedComponent>;
}

/** The networks of the family, by the names of their folders in diffusers' layout. */
export const KNOWN_NETWORKS = {
  text_encoder: network('CLIPTextModelWithProjection', ClipTextConfig, {
    graphs: [clipTextGraph],
    does: (c) => `text, up to ${c.max_position_embeddings} tokens → z_t (${c.projection_dim})`,
  }),
  image_encoder: network('CLIPVisionModelWithProjection', ClipVisionConfig, {
    graphs: [clipVisionGraph],
    does: (c) => `picture ${square(c.image_size)} → z_i (${c.projection_dim})`,
  }),
  prior: network('PriorTransformer', PriorConfig, {
    graphs: [priorGraph],
    besides: (c) => ({ clip_mean: [1, c.embedding_dim], clip_std: [1, c.embedding_dim] }),
    does: (c) => `text → z_i (${c.embedding_dim}), ${c.num_layers} layers`,
  }),
  prior_ar: network('AutoregressivePrior', ArPriorConfig, {
    graphs: [arPriorFirstGraph, arPriorNextGraph],
    does: (c) => `text → codes of z_i (${c.embedding_dim}), ${c.num_layers} layers`,
  }),
  prior_pca: network('PrincipalComponents', ComponentsConfig, {
    graphs: [],
    besides: componentShapes,
    does: (c) => `principal components of z_i (${c.embedding_dim})`,
  }),
  text_proj: network('UnCLIPTextProjModel', TextProjectionConfig, {
    graphs: [textProjectionGraph],
    besides: (c) => ({ learned_classifier_free_guidance_embeddings: [c.clip_embeddings_dim] }),
    does: (c) => `z_i, text → context (${c.cross_attention_dim})`,
  }),
  decoder: network('UNet2DConditionModel', KarloDecoderConfig, {
    graphs: [karloDecoderGraph],
    does: (c) => `z_i, text → picture ${square(c.sample_size)}`,
  }),
  super_res_first: superResolution(),
  super_res_last: superResolution(),
  upsampler: superResolution(),
  unet: network('UNet2DConditionModel', UnetConfig, {
    graphs: [unetGraph],
    does: (c) => `z_i → latents ${square(c.sample_size)}, sees ${c.in_channels} channels`,
  }),
  movq: network('VQModel', MovqConfig, {
    graphs: [movqEncoderGraph, movqDecoderGraph],
    besides: (c) => ({ 'quantize.embedding.weight': [c.num_vq_embeddings, latentChannels(c)] }),
    does: (c) => `latents (${latentChannels(c)}) ↔ picture, ${2 ** (c.block_out_channels.length - 1)} times as large`,
  }),
} as const satisfies Record<string, KnownNetwork>;

function superResolution() {
  return network('UNet2DModel', SuperResolutionConfig, {
    graphs: [superResolutionGraph],
    does: (c) => `small picture → ${square(c.sample_size)}`,
  });
}

function square(side: number | null): string {
  return side === null ? 'of any size' : `${side} × ${side}`;
}

interface Traits<C> {
  readonly graphs: readonly GraphBuilder<C>[];
  /** Parameters that are read beside the graphs. */
  readonly besides?: (config: C) => Readonly<Record<string, readonly number[]>>;
  readonly does: (config: C) => string;
}

function network<S extends z.ZodType>(
  className: string,
  schema: S,
  { graphs, besides, does }: Traits<z.infer<S>>,
): KnownNetwork {
  const list = (config: z.infer<S>): readonly Parameter[] => {
    const found = new Map(Object.entries(besides?.(config) ?? {}));
    for (const build of graphs) {
      const ops = new OnnxOps();
      build(ops, remember(ops, found), config);
    }
    return [...found].map(([name, shape]) => ({ name, shape }));
  };
  return {
    className,
    parameters: (json, where) => list(parseConfig(schema, json, where)),
    async check(dir) {
      const component = await openComponent(dir, className, schema);
      const parameters = list(component.config).map(({ name, shape }) => tensorEntry(component, name, shape));
      expectAllRead(component);
      return { ...component, parameters, does: does(component.config) };
    },
  };
}

/** Weights that are in no file: what a network asks for is written down. */
function remember(ops: OnnxOps, found: Map<string, readonly number[]>, prefix = ''): Weights<OnnxValue> {
  return {
    at: (name) => remember(ops, found, `${prefix}${name}.`),
    has: () => true,
    get(key, shape) {
      const name = prefix + key;
      found.set(name, shape);
      return ops.weight({ name, shape, dtype: 'F32', path: '', offset: 0, length: 0 });
    },
    tap: (output) => output,
  };
}
