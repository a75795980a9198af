import { z } from 'zod';

/** The largest seed: every integer up to it is exact in a JavaScript number. */
export const MAX_SEED = Number.MAX_SAFE_INTEGER;
export const MAX_PROMPT_LENGTH = 1000;
export const MAX_COUNT = 4;
export const MAX_STEPS = 250;
export const MAX_GUIDANCE_SCALE = 20;

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
const MAX_PRIOR_SAMPLES = 16;

const wholeNumber = (name: string, min: number, max: number) => {
  const error = ({ input }: { input?: unknown }) =>
    `${name} must be a whole number from ${min} to ${max}, not ${input}`;
  return z.number({ error }).refine((n) => Number.isInteger(n) && n >= min && n <= max, { error });
};

const scale = (name: string) => {
  const error = ({ input }: { input?: unknown }) =>
    `${name} must be a number from 0 to ${MAX_GUIDANCE_SCALE}, not ${input}`;
  return z.number({ error }).refine((n) => n >= 0 && n <= MAX_GUIDANCE_SCALE, { error });
};

const priorName = z.enum(PRIORS, { error: ({ input }) => `prior must be one of ${PRIORS.join(', ')}, not ${input}` });

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
  /** How many pictures. */
  count: wholeNumber('count', 1, MAX_COUNT).optional(),
});
export type Settings = z.infer<typeof Settings>;

export const Prompt = promptText('prompt').min(1, {
  error: 'prompt must not be empty: say what to draw, for example "red heart"',
});
export const NegativePrompt = promptText('negative prompt');

/**
 * Everything that makes one picture: written into its PNG by the engine, read back for Variations, Guidance and Rerun.
 * With the same model folder the same recipe gives the same picture.
 */
export const Recipe = z.strictObject({
  version: z.literal(1),
  operation: z.enum(['imagine', 'variations', 'blend']),
  /** The text it was drawn from, absent for variations of an uploaded picture and for blends. */
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
  /** Name of the model's folder. */
  model: z.string(),
  /**
   * z_i, the CLIP image embedding that the decoder drew from: float32, little endian, base64.
   * Absent where the prior makes it again from prompt and seed.
   */
  imageEmbedding: z.base64().optional(),
});
export type Recipe = z.infer<typeof Recipe>;

/** A short file name that says what the picture is: words of the prompt and the seed. */
export function pictureName({ prompt, operation, seed }: Recipe): string {
  const words = (prompt ?? '')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replace(/^-+|-+$/g, '');
  return `${words || operation}-${seed}.png`;
}
