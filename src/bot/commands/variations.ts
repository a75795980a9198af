import { draw } from '../draw.ts';
import type { Command } from './command.ts';
import { settingsFrom, withCount, withSettings } from './drawing-options.ts';
import { commandEverywhere } from './everywhere.ts';
import { picturesFrom } from './picture-source.ts';

/** A picture → pictures with its meaning; with η also with its composition. */
export const variations: Command = {
  data: withCount(
    withSettings(
      commandEverywhere('variations', 'Pictures with the meaning of a picture')
        .addAttachmentOption((option) => option.setName('image').setDescription('The picture').setRequired(true))
        .addStringOption((option) =>
          option
            .setName('eta')
            .setDescription('Keep its composition too: 0 draws it again, 1 is the most different (sampler ddim)'),
        ),
    ),
  ).toJSON(),

  async execute(interaction, context) {
    const { options } = interaction;
    const pictures = picturesFrom(options, 'image');
    await draw(interaction, { kind: 'variations', pictures, settings: settingsFrom(options) }, context);
  },
};
