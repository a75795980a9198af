import { z } from 'zod';
import { ChangedText, dimensions, MAX_FRAMES, NegativePrompt, Prompt, Settings, share, wholeNumber } from './recipe.ts';

/** Whoever asks draws the seed, so that a task taken up again after a crash gives the same pictures. */
export const SeededSettings = Settings.required({ seed: true });
/** Pictures that are blended or interpolated. */
const MAX_BLENDED = 4;

const weightError = ({ input }: { input?: unknown }) => `weights must be numbers from 0 to 1000, not ${input}`;
const Weights = z
  .array(z.number({ error: weightError }).refine((w) => w >= 0 && w <= 1000, { error: weightError }))
  .refine((weights) => weights.some((weight) => weight > 0), { error: 'weights must not all be 0' });

/** What is done where nothing else is asked for. */
export const USUAL_STRENGTHS: readonly number[] = [0.125, 0.25, 0.375, 0.5];
export const USUAL_STRENGTH = 0.5;
export const USUAL_FRAMES = 16;

export const NOISES = ['inverted', 'fixed'] as const;

export type SeededSettings = z.infer<typeof SeededSettings>;

const several = <Picture extends z.ZodType>(picture: Picture, least: number, what: string) =>
  z.array(picture).refine(({ length }) => length >= least && length <= MAX_BLENDED, {
    error: ({ input }) => `${what} takes ${least} to ${MAX_BLENDED} pictures, not ${(input as unknown[]).length}`,
  });

interface Blend {
  readonly pictures: readonly unknown[];
  readonly prompt?: string | undefined;
  readonly weights?: readonly number[] | undefined;
}

/** How many things are blended. */
const blended = ({ pictures, prompt }: Blend) => pictures.length + (prompt === undefined ? 0 : 1);

/**
 * What can be asked for, each operation of the paper once. The pictures it starts from are addresses in the queue and
 * files in the engine.
 */
export const taskSchema = <Picture extends z.ZodType>(picture: Picture) =>
  z.discriminatedUnion('kind', [
    /** Text → pictures. */
    z.strictObject({
      kind: z.literal('imagine'),
      prompt: Prompt,
      negativePrompt: NegativePrompt.optional(),
      settings: SeededSettings,
    }),
    /**
     * z_i of one picture → decoder, with new seeds. With η (`eta` in settings) the noise is not new: DDIM starts at the
     * picture's own x_T and adds as much randomness.
     */
    z.strictObject({
      kind: z.literal('variations'),
      pictures: z.tuple([picture]),
      negativePrompt: NegativePrompt.optional(),
      settings: SeededSettings,
    }),
    /** The spherical mean of the z_i of pictures, and of one that the prior draws for a text. */
    z
      .strictObject({
        kind: z.literal('blend'),
        pictures: several(picture, 1, 'a blend'),
        prompt: Prompt.optional(),
        negativePrompt: NegativePrompt.optional(),
        /** One for each picture, then the text's; equal when absent. */
        weights: Weights.optional(),
        settings: SeededSettings,
      })
      .refine((blend) => blended(blend) >= 2, {
        error: 'a blend needs two things: two pictures, or a picture and a text',
      })
      .refine(({ weights, ...blend }) => weights === undefined || weights.length === blended(blend), {
        error: ({ input }) => {
          const { weights, ...blend } = input as Blend;
          return `a blend of ${blended(blend)} needs as many weights${blended(blend) === 2 ? ', or one from 0 to 1 for the second' : ''}, not ${weights?.join(', ')}`;
        },
      }),
    /** A picture from its bipartite latent (z_i, x_T) again: how well the model knows it. */
    z.strictObject({ kind: z.literal('reconstruct'), pictures: z.tuple([picture]), settings: SeededSettings }),
    /** What a picture shows is changed, its composition kept: a text diff. One picture for each strength. */
    z.strictObject({
      kind: z.literal('modify'),
      pictures: z.tuple([picture]),
      prompt: Prompt,
      /** What the picture shows now; absent, the recipe in the picture says so, if there is one. */
      from: ChangedText.optional(),
      strengths: z
        .array(share('strength'))
        .min(1)
        .max(MAX_FRAMES, { error: `at most ${MAX_FRAMES} strengths` }),
      settings: SeededSettings,
    }),
    /** From one picture to the next, by spherical interpolation of z_i: a series of pictures. */
    z.strictObject({
      kind: z.literal('interpolate'),
      pictures: several(picture, 2, 'an interpolation'),
      /** In all, both ends included. */
      frames: wholeNumber('frames', 2, MAX_FRAMES),
      /** Where each frame starts: at the pictures' own x_T, interpolated like z_i, or all at the seed's noise. */
      noise: z.enum(NOISES, { error: ({ input }) => `noise must be one of ${NOISES.join(', ')}, not ${input}` }),
      settings: SeededSettings,
    }),
    /** A picture as the start of another one: noised, then drawn to the end for a text, or for its own z_i. */
    z.strictObject({
      kind: z.literal('img2img'),
      pictures: z.tuple([picture]),
      prompt: Prompt.optional(),
      negativePrompt: NegativePrompt.optional(),
      strength: share('strength'),
      /** The prior too changes the picture's z_i towards the text, instead of drawing one. */
      priorStrength: share('prior strength').optional(),
      settings: SeededSettings,
    }),
    /** A part of a picture is drawn anew, for a text or for its own z_i. */
    z.strictObject({
      kind: z.literal('inpaint'),
      /** The picture and the mask, white where it is to be drawn; without a mask, its transparent part is. */
      pictures: z.array(picture).min(1).max(2),
      prompt: Prompt.optional(),
      negativePrompt: NegativePrompt.optional(),
      settings: SeededSettings,
    }),
    /** What CLIP keeps of a picture in so many principal components of z_i, one picture each (figure 7 of the paper). */
    z.strictObject({
      kind: z.literal('pca'),
      pictures: z.tuple([picture]),
      dimensions: z.array(dimensions).min(1).max(MAX_FRAMES),
      settings: SeededSettings,
    }),
    /** A picture that was drawn here, 4 times as large, by the model's upsampler. */
    z.strictObject({ kind: z.literal('upscale'), pictures: z.tuple([picture]) }),
    /**
     * The pictures of an earlier message again, from the recipes in their PNGs: with new seeds (`seed` in settings),
     * or the same seeds and the guidance scale moved by `guidanceStep`.
     */
    z.strictObject({
      kind: z.literal('redraw'),
      pictures: z.array(picture).min(1),
      guidanceStep: z.number().optional(),
      settings: Settings,
    }),
  ]);

export type Task<Picture> = z.infer<ReturnType<typeof taskSchema<z.ZodType<Picture>>>>;
export type TaskOf<Kind extends Task<unknown>['kind'], Picture> = Extract<Task<Picture>, { kind: Kind }>;

/** The same task with other things standing for its pictures. */
export async function mapPictures<From, To>(task: Task<From>, map: (picture: From) => Promise<To>): Promise<Task<To>> {
  if (!('pictures' in task)) return task;
  const pictures = await Promise.all((task.pictures as readonly From[]).map(map));
  return { ...task, pictures } as Task<To>;
}
