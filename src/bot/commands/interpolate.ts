import { MAX_FRAMES } from '../../recipe.ts';
import { NOISES, USUAL_FRAMES } from '../../task.ts';
import { draw } from '../draw.ts';
import type { Command } from './command.ts';
import { settingsFrom, withSettings } from './drawing-options.ts';
import { commandEverywhere } from './everywhere.ts';
import { picturesFrom } from './picture-source.ts';

const NOISE_NAMES: Record<(typeof NOISES)[number], string> = {
  inverted: 'of the pictures: the ends are the pictures themselves',
  fixed: 'one for all frames',
};

/** Pictures → a GIF that goes from one to the next. */
export const interpolate: Command = {
  data: withSettings(
    commandEverywhere('interpolate', 'From one picture to the next, as a GIF')
      .addAttachmentOption((option) => option.setName('image1').setDescription('The first picture').setRequired(true))
      .addAttachmentOption((option) => option.setName('image2').setDescription('The second picture').setRequired(true))
      .addAttachmentOption((option) => option.setName('image3').setDescription('A third picture'))
      .addAttachmentOption((option) => option.setName('image4').setDescription('A fourth picture'))
      .addIntegerOption((option) =>
        option
          .setName('frames')
          .setDescription(`How many pictures in all (default: ${USUAL_FRAMES})`)
          .setMinValue(2)
          .setMaxValue(MAX_FRAMES),
      )
      .addStringOption((option) =>
        option
          .setName('noise')
          .setDescription('What the frames are drawn from (default: the noise of the pictures)')
          .addChoices(NOISES.map((noise) => ({ name: NOISE_NAMES[noise], value: noise }))),
      ),
  ).toJSON(),

  async execute(interaction, context) {
    const { options } = interaction;
    const task = {
      kind: 'interpolate',
      pictures: picturesFrom(options, 'image1', 'image2', 'image3', 'image4'),
      frames: options.getInteger('frames') ?? USUAL_FRAMES,
      noise: options.getString('noise') ?? 'inverted',
      settings: settingsFrom(options),
    };
    await draw(interaction, task, context);
  },
};
