import { Prompt } from '../../recipe.ts';
import { Weights } from '../../task.ts';
import { numbers, parse, randomSeed } from '../../typed-settings.ts';
import { draw } from '../draw.ts';
import type { Command } from './command.ts';
import { commandEverywhere } from './everywhere.ts';
import { pictureSource } from './picture-source.ts';

const NAMES = ['image1', 'image2', 'image3', 'image4'] as const;

/** Pictures, and perhaps a text → pictures between them. */
export const blend: Command = {
  data: commandEverywhere('blend', 'Mix pictures into new ones')
    .addAttachmentOption((option) => option.setName('image1').setDescription('The first picture').setRequired(true))
    .addAttachmentOption((option) => option.setName('image2').setDescription('The second picture').setRequired(true))
    .addAttachmentOption((option) => option.setName('image3').setDescription('A third picture'))
    .addAttachmentOption((option) => option.setName('image4').setDescription('A fourth picture'))
    .addStringOption((option) => option.setName('prompt').setDescription('Words to mix in'))
    .addStringOption((option) =>
      option
        .setName('weights')
        .setDescription('How much of each, the words last, such as "2 1" (default: all the same)'),
    )
    .toJSON(),

  async execute(interaction, context) {
    const { options } = interaction;
    const pictures = NAMES.flatMap((name) => {
      const attachment = options.getAttachment(name);
      return attachment ? [pictureSource(name, attachment)] : [];
    });
    const words = options.getString('prompt');
    const prompt = words === null ? undefined : parse(Prompt, words);
    const typed = options.getString('weights');
    const weights = typed === null ? undefined : parse(Weights, numbers(typed));
    const settings = { seed: randomSeed() };
    await draw(
      interaction,
      { kind: 'blend', pictures, ...(prompt && { prompt }), ...(weights && { weights }), settings },
      context,
    );
  },
};
