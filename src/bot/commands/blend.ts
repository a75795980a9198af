import { blendWeights } from '../../typed-settings.ts';
import { draw } from '../draw.ts';
import type { Command } from './command.ts';
import { settingsFrom, withCount, withSettings } from './drawing-options.ts';
import { commandEverywhere } from './everywhere.ts';
import { picturesFrom } from './picture-source.ts';

/** Pictures, and perhaps words → pictures between them. */
export const blend: Command = {
  data: withCount(
    withSettings(
      commandEverywhere('blend', 'Mix pictures into new ones')
        .addAttachmentOption((option) => option.setName('image1').setDescription('The first picture').setRequired(true))
        .addAttachmentOption((option) =>
          option.setName('image2').setDescription('The second picture').setRequired(true),
        )
        .addAttachmentOption((option) => option.setName('image3').setDescription('A third picture'))
        .addAttachmentOption((option) => option.setName('image4').setDescription('A fourth picture'))
        .addStringOption((option) => option.setName('prompt').setDescription('Words to mix in'))
        .addStringOption((option) =>
          option
            .setName('weight')
            .setDescription('Share of the second picture, 0 to 1; or one for each, the words last, such as "2 1 1"'),
        ),
    ),
  ).toJSON(),

  async execute(interaction, context) {
    const { options } = interaction;
    const weight = options.getString('weight');
    const pictures = picturesFrom(options, 'image1', 'image2', 'image3', 'image4');
    const prompt = options.getString('prompt') ?? undefined;
    const things = pictures.length + (prompt === undefined ? 0 : 1);
    const task = {
      kind: 'blend',
      pictures,
      prompt,
      weights: weight === null ? undefined : blendWeights(weight, things),
      settings: settingsFrom(options),
    };
    await draw(interaction, task, context);
  },
};
