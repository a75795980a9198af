import type { Attachment } from 'discord.js';
import { z } from 'zod';
import { mebibytes } from '../../discord/text.ts';
import { InputError } from '../../errors.ts';
import { MAX_PICTURE_BYTES, type PictureSource } from '../../queue/messages.ts';
import { decimal, parse, randomSeed } from '../../typed-settings.ts';
import { draw } from '../draw.ts';
import type { Command } from './command.ts';
import { commandEverywhere } from './everywhere.ts';

const weightError = ({ input }: { input?: unknown }) => `weight must be a number from 0 to 1, not ${input}`;
const Weight = z.number({ error: weightError }).refine((w) => w >= 0 && w <= 1, { error: weightError });

/** Two pictures → pictures between them. */
export const blend: Command = {
  data: commandEverywhere('blend', 'Mix two pictures into new ones')
    .addAttachmentOption((option) => option.setName('image1').setDescription('The first picture').setRequired(true))
    .addAttachmentOption((option) => option.setName('image2').setDescription('The second picture').setRequired(true))
    .addStringOption((option) =>
      option.setName('weight').setDescription('0 is all the first picture, 1 all the second (default: 0.5)'),
    )
    .toJSON(),

  async execute(interaction, context) {
    const { options } = interaction;
    const pictures: [PictureSource, PictureSource] = [
      pictureSource('image1', options.getAttachment('image1', true)),
      pictureSource('image2', options.getAttachment('image2', true)),
    ];
    const weight = parse(Weight, decimal(options.getString('weight')) ?? 0.5);
    await draw(interaction, { kind: 'blend', pictures, weight, settings: { seed: randomSeed() } }, context);
  },
};

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
