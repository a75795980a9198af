import { z } from 'zod';
import { ChangedText, dimensions, MAX_FRAMES, NegativePrompt, Prompt, Settings, share } from './recipe.ts';

/** Whoever asks draws the seed, so that a task taken up again after a crash gives the same pictures. */
export const SeededSettings = Settings.required({ seed: true });
/** Pictures that are blended or interpolated. */
export const MAX_BLENDED = 4;

const weightError = ({ input }: { input?: unknown }) => `weights must be numbers from 0 to 1000, not ${input}`;
export const Weights = z
  .array(z.number({ error: weightError }).refine((w) => w >= 0 && w <= 1000, { error: weightError }))
  .refine((weights) => weights.some((weight) => weight > 0), { error: 'weights must not all be 0' });

export type SeededSettings = z.infer<typeof SeededSettings>;

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
    /** z_i of one picture → decoder, with new seeds. */
    z.strictObject({ kind: z.literal('variations'), pictures: z.tuple([picture]), settings: SeededSettings }),
    /** The spherical mean of the z_i of pictures, and of one that the prior draws for a text. */
    z.strictObject({
      kind: z.literal('blend'),
      pictures: z.array(picture).min(1).max(MAX_BLENDED),
      prompt: Prompt.optional(),
      negativePrompt: NegativePrompt.optional(),
      /** One for each picture, then the text's; equal when absent. */
      weights: Weights.optional(),
      settings: SeededSettings,
    }),
    /** What a picture shows is changed, its composition kept: a text diff. One picture for each strength. */
    z.strictObject({
      kind: z.literal('modify'),
      pictures: z.tuple([picture]),
      prompt: Prompt,
      /** What the picture shows now; absent, the recipe in the picture says so, if there is one. */
      from: ChangedText.optional(),
      strengths: z.array(share('strength')).min(1).max(MAX_FRAMES),
      settings: SeededSettings,
    }),
    /** What CLIP keeps of a picture in so many principal components of z_i, one picture each (figure 7 of the paper). */
    z.strictObject({
      kind: z.literal('pca'),
      pictures: z.tuple([picture]),
      dimensions: z.array(dimensions).min(1).max(MAX_FRAMES),
      settings: SeededSettings,
    }),
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
