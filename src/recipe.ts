import { z } from 'zod';

/** The largest seed: every integer up to it is exact in a JavaScript number. */
export const MAX_SEED = Number.MAX_SAFE_INTEGER;
export const MAX_PROMPT_LENGTH = 1000;
export const MAX_COUNT = 4;
/** Pictures of a series: strengths of a modification, frames of an interpolation. */
export const MAX_FRAMES = 32;
export const MAX_STEPS = 250;
export const MAX_GUIDANCE_SCALE = 20;
/** Pixels on a side. */
export const MAX_SIDE = 2048;

/** How a picture came about. */
export const OPERATIONS = [
  'imagine',
  'variations',
  'blend',
  'reconstruct',
  'modify',
  'interpolate',
  'img2img',
  'inpaint',
  'pca',
] as const;

export const SAMPLERS = [
  'unclip',
  'ddpm',
  'ddim',
  'dpmpp-2m',
  'dpmpp-2m-karras',
  'dpmpp-2m-sde',
  'dpmpp-2m-sde-karras',
  'euler',
  'euler-ancestral',
  'heun',
] as const;
export type SamplerName = (typeof SAMPLERS)[number];

/** What makes z_i of a text: a diffusion model, an autoregressive one, or nothing, when the text's own embedding is taken. */
export const PRIORS = ['diffusion', 'ar', 'none'] as const;
export type PriorName = (typeof PRIORS)[number];
export const MAX_PRIOR_SAMPLES = 16;

export const wholeNumber = (name: string, min: number, max: number) => {
  const error = ({ input }: { input?: unknown }) =>
    `${name} must be a whole number from ${min} to ${max}, not ${input}`;
  return z.number({ error }).refine((n) => Number.isInteger(n) && n >= min && n <= max, { error });
};

const numberBetween = (name: string, min: number, max: number) => {
  const error = ({ input }: { input?: unknown }) => `${name} must be a number from ${min} to ${max}, not ${input}`;
  return z.number({ error }).refine((n) => n >= min && n <= max, { error });
};

const priorName = z.enum(PRIORS, { error: ({ input }) => `prior must be one of ${PRIORS.join(', ')}, not ${input}` });
const scale = (name: string) => numberBetween(name, 0, MAX_GUIDANCE_SCALE);
/** Principal components that are kept of z_i. */
export const dimensions = wholeNumber('dimensions', 0, 10_000);
/** A part of a whole, 0 … 1. */
export const share = (name: string) => numberBetween(name, 0, 1);

const promptText = (name: string) =>
  z
    .string()
    .trim()
    .max(MAX_PROMPT_LENGTH, {
      error: ({ input }) =>
        `${name} must have at most ${MAX_PROMPT_LENGTH} characters, not ${(input as string).length}`,
    });

/** What a person may set on a drawing; each left out takes the model's own default. */
export const Settings = z.strictObject({
  /** Of the first picture; picture i has seed + i, so each can be drawn again alone. */
  seed: wholeNumber('seed', 0, MAX_SEED).optional(),
  /** Denoising steps of the decoder. */
  steps: wholeNumber('steps', 1, MAX_STEPS).optional(),
  /** Classifier-free guidance of the decoder: 1 is none. */
  guidanceScale: scale('guidance').optional(),
  /** Classifier-free guidance of the prior. */
  priorGuidanceScale: scale('prior guidance').optional(),
  prior: priorName.optional(),
  /** Of so many z_i that the prior draws, the one nearest to the text is taken. */
  priorSamples: wholeNumber('prior samples', 1, MAX_PRIOR_SAMPLES).optional(),
  sampler: z
    .enum(SAMPLERS, { error: ({ input }) => `sampler must be one of ${SAMPLERS.join(', ')}, not ${input}` })
    .optional(),
  /** DDIM: 0 deterministic … 1 as random as DDPM. */
  eta: share('eta').optional(),
  /** Lin et al. 2023, eq. 16: how far guidance is scaled back to the contrast that the picture has without it. */
  guidanceRescale: share('guidance rescale').optional(),
  /** Saharia et al. 2022, §2.3: the quantile of pixels that may reach full contrast, where the model draws pixels. */
  dynamicThresholding: share('dynamic thresholding').optional(),
  /** In pixels. */
  width: wholeNumber('width', 8, MAX_SIDE).optional(),
  height: wholeNumber('height', 8, MAX_SIDE).optional(),
  /** How many pictures. */
  count: wholeNumber('count', 1, MAX_COUNT).optional(),
});
export type Settings = z.infer<typeof Settings>;

export const Prompt = promptText('prompt').min(1, {
  error: 'prompt must not be empty: say what to draw, for example "red heart"',
});
export const NegativePrompt = promptText('negative prompt');

/** Text in a modification: what the picture shows is taken from one towards the other. */
export const ChangedText = promptText('text');

/** Latents or small pictures (1, C, h, w): float32, little endian, base64. */
const StoredTensor = z
  .strictObject({
    shape: z.tuple([z.literal(1), z.int().positive(), z.int().positive(), z.int().positive()]),
    float32: z.base64(),
  })
  .refine(({ shape, float32 }) => Buffer.byteLength(float32, 'base64') === 4 * shape.reduce((a, b) => a * b));
export type StoredTensor = z.infer<typeof StoredTensor>;

/**
 * Everything that makes one picture: written into its PNG by the engine, read back for Variations, Guidance and Rerun.
 * With the same model folder the same recipe gives the same picture. Of the pictures that it was made from it holds
 * what the networks made of them, so it needs none of them.
 */
export const Recipe = z.strictObject({
  version: z.literal(1),
  operation: z.enum(OPERATIONS),
  /** The text it was drawn from, absent for variations of an uploaded picture and for blends of pictures. */
  prompt: Prompt.optional(),
  negativePrompt: NegativePrompt.optional(),
  seed: wholeNumber('seed', 0, MAX_SEED),
  steps: wholeNumber('steps', 1, MAX_STEPS),
  guidanceScale: scale('guidance'),
  priorGuidanceScale: scale('prior guidance'),
  /** Absent for diffusion. */
  prior: priorName.optional(),
  /** Absent for 1. */
  priorSamples: wholeNumber('prior samples', 1, MAX_PRIOR_SAMPLES).optional(),
  sampler: z.enum(SAMPLERS),
  ...Settings.pick({ eta: true, guidanceRescale: true, dynamicThresholding: true, width: true, height: true }).shape,
  /** Name of the model's folder. */
  model: z.string(),
  /**
   * z_i, the CLIP image embedding that the decoder drew from: float32, little endian, base64.
   * Absent where the prior makes it again from prompt and seed.
   */
  imageEmbedding: z.base64().optional(),
  /** The decoder's x_T, absent where the seed makes it: with z_i the bipartite latent of the paper's section 3. */
  start: StoredTensor.optional(),
  /** A picture that is changed instead of drawn anew, and how much of it is noise at the start. */
  origin: z.strictObject({ latents: StoredTensor, strength: share('strength') }).optional(),
  /** The same for the prior: an image embedding that is changed towards the text. */
  priorOrigin: z.strictObject({ imageEmbedding: z.base64(), strength: share('prior strength') }).optional(),
  /** A part of a picture that stays: 1 in the mask, 0 is drawn. Its pixels are a WebP picture, base64. */
  kept: z.strictObject({ latents: StoredTensor, mask: StoredTensor, pixels: z.base64().optional() }).optional(),
  /** What a modification changed, and how far: θ of the paper's section 3.3. */
  modification: z.strictObject({ prompt: Prompt, from: ChangedText, strength: share('strength') }).optional(),
  /** Of how many principal components z_i was put together again. */
  dimensions: dimensions.optional(),
  /** The picture was then made 4 times as large by the model's upsampler. */
  upscaled: z.literal(true).optional(),
});
export type Recipe = z.infer<typeof Recipe>;

/** File names for pictures that belong together, each once. */
export function pictureNames(recipes: readonly Recipe[]): string[] {
  const names = recipes.map(pictureName);
  return names.map((name, i) => {
    const before = names.slice(0, i).filter((other) => other === name).length;
    return before === 0 ? name : name.replace(/\.png$/, `-${before + 1}.png`);
  });
}

/** A short file name that says what the picture is: words of the prompt and the seed. */
function pictureName({ prompt, operation, seed, modification, eta, upscaled }: Recipe): string {
  const words = (modification?.prompt ?? prompt ?? '')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replace(/^-+|-+$/g, '');
  // where the words are those of the picture it came from
  const suffix = operation === 'variations' || operation === 'reconstruct' ? operation : undefined;
  // the same seed with one η after another is what these are drawn for
  const randomness = operation === 'variations' && eta !== undefined ? `eta-${eta}` : undefined;
  const name = [words, suffix, randomness].filter(Boolean).join('-') || operation;
  return `${name}-${seed}${upscaled ? '-upscaled' : ''}.png`;
}
