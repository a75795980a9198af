/** A model folder of diffusers' layout before it has weights. */
export interface ModelShape {
  readonly className: string;
  /** Where it lies in the model's folder: '' for the folder itself. */
  readonly folder: string;
  /** config.json of each network. */
  readonly networks: Readonly<Record<string, object>>;
  /** scheduler_config.json of each scheduler. */
  readonly schedulers: Readonly<Record<string, { readonly _class_name: string }>>;
  /** Name of the folder with what prepares pictures for the image encoder. */
  readonly imageProcessor?: string;
  readonly hasTokenizer: boolean;
}

const UNCLIP = { _class_name: 'UnCLIPScheduler', beta_schedule: 'squaredcos_cap_v2', num_train_timesteps: 1000 };

/** Keys that the decoders of both families have in common. */
const DECODER = {
  act_fn: 'silu',
  attention_head_dim: 64,
  down_block_types: ['ResnetDownsampleBlock2D', ...Array(3).fill('SimpleCrossAttnDownBlock2D')],
  layers_per_block: 3,
  mid_block_type: 'UNetMidBlock2DSimpleCrossAttn',
  resnet_time_scale_shift: 'scale_shift',
  sample_size: 64,
  up_block_types: [...Array(3).fill('SimpleCrossAttnUpBlock2D'), 'ResnetUpsampleBlock2D'],
};

const SUPER_RESOLUTION = {
  act_fn: 'silu',
  add_attention: false,
  block_out_channels: [320, 640, 960, 1280],
  down_block_types: Array(4).fill('ResnetDownsampleBlock2D'),
  in_channels: 6,
  layers_per_block: 3,
  mid_block_type: 'UNetMidBlock2D',
  out_channels: 3,
  resnet_time_scale_shift: 'default',
  sample_size: 256,
  up_block_types: Array(4).fill('ResnetUpsampleBlock2D'),
};

const PRIOR = {
  additional_embeddings: 4,
  attention_head_dim: 64,
  num_attention_heads: 32,
  num_embeddings: 77,
  num_layers: 20,
};

/** OpenAI's ViT-L/14, which Karlo sees with. */
const CLIP_L = {
  text: {
    hidden_act: 'quick_gelu',
    hidden_size: 768,
    intermediate_size: 3072,
    num_attention_heads: 12,
    num_hidden_layers: 12,
    projection_dim: 768,
  },
  vision: {
    hidden_act: 'quick_gelu',
    hidden_size: 1024,
    image_size: 224,
    intermediate_size: 4096,
    num_attention_heads: 16,
    num_hidden_layers: 24,
    patch_size: 14,
    projection_dim: 768,
  },
};

/** OpenCLIP's ViT-bigG/14, which Kandinsky 2.2 sees with. */
const CLIP_BIG_G = {
  text: {
    hidden_act: 'gelu',
    hidden_size: 1280,
    intermediate_size: 5120,
    num_attention_heads: 20,
    num_hidden_layers: 32,
    projection_dim: 1280,
  },
  vision: {
    hidden_act: 'gelu',
    hidden_size: 1664,
    image_size: 224,
    intermediate_size: 8192,
    num_attention_heads: 16,
    num_hidden_layers: 48,
    patch_size: 14,
    projection_dim: 1280,
  },
};

const KARLO: ModelShape = {
  className: 'UnCLIPPipeline',
  folder: '',
  networks: {
    prior: { ...PRIOR, embedding_dim: 768 },
    text_proj: {
      clip_embeddings_dim: 768,
      clip_extra_context_tokens: 4,
      cross_attention_dim: 1536,
      time_embed_dim: 1280,
    },
    decoder: {
      ...DECODER,
      block_out_channels: [320, 640, 960, 1280],
      class_embed_type: 'identity',
      cross_attention_dim: 1536,
      in_channels: 3,
      out_channels: 6,
    },
    super_res_first: SUPER_RESOLUTION,
    super_res_last: SUPER_RESOLUTION,
    text_encoder: CLIP_L.text,
    image_encoder: CLIP_L.vision,
  },
  schedulers: {
    prior_scheduler: { ...UNCLIP, ...{ prediction_type: 'sample', clip_sample_range: 5 } },
    decoder_scheduler: { ...UNCLIP, ...{ prediction_type: 'epsilon', variance_type: 'learned_range' } },
    super_res_scheduler: { ...UNCLIP, ...{ prediction_type: 'epsilon' } },
  },
  imageProcessor: 'feature_extractor',
  hasTokenizer: true,
};

const KANDINSKY_PRIOR: ModelShape = {
  className: 'KandinskyV22PriorPipeline',
  folder: 'prior',
  networks: {
    prior: { ...PRIOR, embedding_dim: 1280 },
    text_encoder: CLIP_BIG_G.text,
    image_encoder: CLIP_BIG_G.vision,
  },
  schedulers: { scheduler: { ...UNCLIP, ...{ prediction_type: 'sample', clip_sample_range: 10 } } },
  imageProcessor: 'image_processor',
  hasTokenizer: true,
};

const KANDINSKY_DECODER: ModelShape = {
  className: 'KandinskyV22Pipeline',
  folder: 'decoder',
  networks: {
    unet: {
      ...DECODER,
      addition_embed_type: 'image',
      block_out_channels: [384, 768, 1152, 1536],
      cross_attention_dim: 768,
      encoder_hid_dim: 1280,
      encoder_hid_dim_type: 'image_proj',
      in_channels: 4,
      out_channels: 8,
    },
    movq: {
      block_out_channels: [128, 256, 256, 512],
      down_block_types: [...Array(3).fill('DownEncoderBlock2D'), 'AttnDownEncoderBlock2D'],
      latent_channels: 4,
      layers_per_block: 2,
      norm_type: 'spatial',
      num_vq_embeddings: 16384,
      up_block_types: ['AttnUpDecoderBlock2D', ...Array(3).fill('UpDecoderBlock2D')],
      vq_embed_dim: 4,
    },
  },
  schedulers: {
    scheduler: {
      _class_name: 'DDPMScheduler',
      ...{ num_train_timesteps: 1000, beta_schedule: 'linear', beta_start: 0.00085, beta_end: 0.012 },
      ...{ timestep_spacing: 'leading', steps_offset: 1, variance_type: 'fixed_small' },
    },
  },
  hasTokenizer: false,
};

/** The published models of the family, in their own shapes: Karlo v1 alpha, and Kandinsky 2.2 as its two folders. */
export const PUBLISHED_SHAPES = {
  karlo: [KARLO],
  kandinsky22: [KANDINSKY_PRIOR, KANDINSKY_DECODER],
} as const satisfies Record<string, readonly ModelShape[]>;
export type PublishedModel = keyof typeof PUBLISHED_SHAPES;
