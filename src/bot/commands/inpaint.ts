import { draw } from '../draw.ts';
import type { Command } from './command.ts';
import { settingsFrom, withCount, withSettings } from './drawing-options.ts';
import { commandEverywhere } from './everywhere.ts';
import { picturesFrom } from './picture-source.ts';

/** A picture and a mask, and perhaps words → the same picture with a part drawn anew. */
export const inpaint: Command = {
  data: withCount(
    withSettings(
      commandEverywhere('inpaint', 'Draw a part of a picture anew')
        .addAttachmentOption((option) => option.setName('image').setDescription('The picture').setRequired(true))
        .addStringOption((option) =>
          option.setName('prompt').setDescription('What to draw (default: what the picture shows)'),
        )
        .addAttachmentOption((option) =>
          option.setName('mask').setDescription('White where to draw (default: where the picture is transparent)'),
        )
        .addStringOption((option) => option.setName('negative').setDescription('What to keep out of the pictures')),
    ),
  ).toJSON(),

  async execute(interaction, context) {
    const { options } = interaction;
    const task = {
      kind: 'inpaint',
      pictures: picturesFrom(options, 'image', 'mask'),
      prompt: options.getString('prompt') ?? undefined,
      negativePrompt: options.getString('negative') ?? undefined,
      settings: settingsFrom(options),
    };
    await draw(interaction, task, context);
  },
};
