import { ComponentType, type Message } from 'discord.js';
import { type Action, decodeCustomId } from '../discord/custom-id.ts';
import { InputError } from '../errors.ts';
import type { PictureSource } from '../queue/messages.ts';

/** The pictures of a message, in the order in which they are shown. @throws InputError when it has none (any more) */
export function picturesOf(message: Message): [PictureSource, ...PictureSource[]] {
  const [first, ...others] = message.attachments
    .filter(({ contentType }) => contentType === null || contentType.startsWith('image/'))
    .map(({ url, name }) => ({ url, name }));
  if (!first) throw new InputError('this message has no pictures any more');
  return [first, ...others];
}

/** One of them; the first is 0. @throws InputError for one that isn't there */
export function pictureOf(message: Message, index: number): PictureSource {
  const pictures = picturesOf(message);
  const picture = pictures[index];
  if (picture) return picture;
  throw new InputError(`this message has ${pictures.length} pictures, not ${index + 1}`);
}

/** What the buttons of one of our messages do. */
export function actionsOf(message: Message): Action[] {
  return message.components
    .flatMap((row) => (row.type === ComponentType.ActionRow ? row.components : []))
    .flatMap(({ customId }) => (customId === null ? [] : (decodeCustomId(customId) ?? [])));
}

/** Who asked for the message's pictures: its buttons say so, so that it is known after any restart. */
export function ownerOf(message: Message): string | undefined {
  const owned = actionsOf(message).find((action) => 'ownerId' in action);
  return owned?.ownerId;
}
