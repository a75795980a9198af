import type { Attachment, ChatInputCommandInteraction } from 'discord.js';
import { mebibytes } from '../../discord/text.ts';
import { InputError } from '../../errors.ts';
import { MAX_PICTURE_BYTES, type PictureSource } from '../../queue/messages.ts';

/**
 * Refuses at once what Discord itself knows to be no picture; the rest shows when the engine decodes it.
 * @throws InputError
 */
export function pictureSource(
  option: string,
  { url, name, contentType, size }: Pick<Attachment, 'url' | 'name' | 'contentType' | 'size'>,
): PictureSource {
  if (contentType && !contentType.startsWith('image/')) {
    throw new InputError(`${option}: ${name} is no picture but ${contentType}: attach a PNG, JPEG, WebP or GIF`);
  }
  if (size > MAX_PICTURE_BYTES) {
    const limit = mebibytes(MAX_PICTURE_BYTES);
    throw new InputError(`${option}: ${name} has ${mebibytes(size)}: attach a picture of at most ${limit}`);
  }
  return { url, name };
}

/** Pictures of the options that were filled in. @throws InputError */
export function picturesFrom(options: ChatInputCommandInteraction['options'], ...names: string[]): PictureSource[] {
  return names.flatMap((name) => {
    const attachment = options.getAttachment(name);
    return attachment ? [pictureSource(name, attachment)] : [];
  });
}
