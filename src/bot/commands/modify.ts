import { draw } from '../draw.ts';
import { strengthsFrom } from '../modification.ts';
import type { Command } from './command.ts';
import { settingsFrom, withSettings } from './drawing-options.ts';
import { commandEverywhere } from './everywhere.ts';
import { picturesFrom } from './picture-source.ts';

/** A picture and words → the same picture, showing something else. */
export const modify: Command = {
  data: withSettings(
    commandEverywhere('modify', 'Change what a picture shows, and keep its composition')
      .addAttachmentOption((option) => option.setName('image').setDescription('The picture').setRequired(true))
      .addStringOption((option) =>
        option.setName('prompt').setDescription('What it is to show, for example: green heart').setRequired(true),
      )
      .addStringOption((option) =>
        option.setName('from').setDescription('What it shows now (default: what it was drawn from, if drawn here)'),
      )
      .addStringOption((option) =>
        option.setName('strength').setDescription('How far to go, 0 to 1; several give a picture each (default: four)'),
      ),
  ).toJSON(),

  async execute(interaction, context) {
    const { options } = interaction;
    const task = {
      kind: 'modify',
      pictures: picturesFrom(options, 'image'),
      prompt: options.getString('prompt', true),
      from: options.getString('from') ?? undefined,
      strengths: strengthsFrom(options.getString('strength')),
      settings: settingsFrom(options),
    };
    await draw(interaction, task, context);
  },
};
