import { z } from 'zod';
import { CUSTOM_ID_LENGTH } from './limits.ts';

const Snowflake = z.string().regex(/^\d{1,20}$/);

/**
 * What a button does. The button carries all of it, so that it works after any restart;
 * pictures and recipes are read from the message it sits on.
 */
export const Action = z.discriminatedUnion('action', [
  /** Variations of a picture of the message; the first is 0. */
  z.strictObject({ action: z.literal('variations'), picture: z.number().int().min(0).max(9) }),
  /** A picture of the message 4 times as large. */
  z.strictObject({ action: z.literal('upscale'), picture: z.number().int().min(0).max(9) }),
  /** Asks what a picture of the message is to show instead; the form that does has the same id. */
  z.strictObject({ action: z.literal('modify'), picture: z.number().int().min(0).max(9) }),
  /** The same seeds at a guidance scale moved by `step`. */
  z.strictObject({ action: z.literal('guidance'), step: z.number().int().min(-20).max(20) }),
  /** The same recipe with new seeds. */
  z.strictObject({ action: z.literal('rerun') }),
  /** Only `ownerId`, who asked for the pictures, may delete them. */
  z.strictObject({ action: z.literal('delete'), ownerId: Snowflake }),
  /** Only `ownerId` may cancel the job; which one follows from the message. */
  z.strictObject({ action: z.literal('cancel'), ownerId: Snowflake }),
]);
export type Action = z.infer<typeof Action>;

/** The version: a button of a later, different codec is foreign to this one and the other way round. */
const PREFIX = 'unclip1';

/**
 * `unclip1:name:argument:…`, at most 100 characters.
 * @throws ZodError for an action outside its ranges
 */
export function encodeCustomId(action: Action): string {
  const { action: name, ...args } = Action.parse(action);
  const customId = [PREFIX, name, ...Object.values(args)].join(':');
  if (customId.length > CUSTOM_ID_LENGTH)
    throw new RangeError(`custom id of ${customId.length} characters: ${customId}`);
  return customId;
}

/** The action of a custom id; undefined for any string that `encodeCustomId` doesn't make. */
export function decodeCustomId(customId: string): Action | undefined {
  const [prefix, name, ...args] = customId.split(':');
  if (prefix !== PREFIX) return undefined;
  const action = Action.safeParse(fields(name, args)).data;
  return action !== undefined && encodeCustomId(action) === customId ? action : undefined;
}

function fields(action: string | undefined, [argument]: string[]): Record<string, unknown> {
  switch (action) {
    case 'variations':
    case 'upscale':
    case 'modify':
      return { action, picture: Number(argument) };
    case 'guidance':
      return { action, step: Number(argument) };
    case 'delete':
    case 'cancel':
      return { action, ownerId: argument };
    default:
      return { action };
  }
}
