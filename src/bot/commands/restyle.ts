import { USUAL_STRENGTH } from '../../task.ts';
import { decimal } from '../../typed-settings.ts';
import { draw } from '../draw.ts';
import type { Command } from './command.ts';
import { settingsFrom, withCount, withSettings } from './drawing-options.ts';
import { commandEverywhere } from './everywhere.ts';
import { picturesFrom } from './picture-source.ts';

/** A picture, and perhaps words → pictures drawn over it. */
export const restyle: Command = {
  data: withCount(
    withSettings(
      commandEverywhere('restyle', 'Draw over a picture')
        .addAttachmentOption((option) => option.setName('image').setDescription('The picture').setRequired(true))
        .addStringOption((option) =>
          option.setName('prompt').setDescription('What to draw (default: what the picture shows)'),
        )
        .addStringOption((option) =>
          option.setName('strength').setDescription(`How much of it to give up, 0 to 1 (default: ${USUAL_STRENGTH})`),
        )
        .addStringOption((option) => option.setName('negative').setDescription('What to keep out of the pictures')),
    ),
  ).toJSON(),

  async execute(interaction, context) {
    const { options } = interaction;
    const task = {
      kind: 'img2img',
      pictures: picturesFrom(options, 'image'),
      prompt: options.getString('prompt') ?? undefined,
      negativePrompt: options.getString('negative') ?? undefined,
      strength: decimal(options.getString('strength')) ?? USUAL_STRENGTH,
      settings: settingsFrom(options),
    };
    await draw(interaction, task, context);
  },
};
