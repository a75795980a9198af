import { MAX_PROMPT_LENGTH, PRIORS, type PriorName, Prompt } from '../../recipe.ts';
import { parse } from '../../typed-settings.ts';
import { draw } from '../draw.ts';
import type { Command } from './command.ts';
import { settingsFrom, withCount, withSettings } from './drawing-options.ts';
import { commandEverywhere } from './everywhere.ts';
import { promptChoices } from './prompt-choices.ts';

const PRIOR_NAMES: Record<PriorName, string> = {
  diffusion: 'diffusion prior',
  ar: 'autoregressive prior',
  none: "none: the words' own embedding",
};

/** Text → pictures. */
export const imagine: Command = {
  data: withCount(
    withSettings(
      commandEverywhere('imagine', 'Draw pictures from words').addStringOption((option) =>
        option
          .setName('prompt')
          .setDescription(`What to draw, at most ${MAX_PROMPT_LENGTH} characters`)
          .setRequired(true)
          .setAutocomplete(true),
      ),
    ),
  )
    .addStringOption((option) => option.setName('negative').setDescription('What to keep out of the pictures'))
    .addStringOption((option) =>
      option
        .setName('prior')
        .setDescription('What makes a picture embedding of the words; a model may lack one (default: diffusion)')
        .addChoices(PRIORS.map((prior) => ({ name: PRIOR_NAMES[prior], value: prior }))),
    )
    .addIntegerOption((option) => option.setName('width').setDescription("Pixels (default: the model's)"))
    .addIntegerOption((option) => option.setName('height').setDescription("Pixels (default: the model's)"))
    .toJSON(),

  async execute(interaction, context) {
    const { options } = interaction;
    const prompt = parse(Prompt, options.getString('prompt', true));
    const negativePrompt = options.getString('negative') ?? undefined;
    const settings = settingsFrom(options);
    context.recentPrompts.add(interaction.user.id, prompt);
    await draw(interaction, { kind: 'imagine', prompt, negativePrompt, settings }, context);
  },

  async autocomplete(interaction, { recentPrompts }) {
    await interaction.respond(promptChoices(interaction.options.getFocused(), recentPrompts.of(interaction.user.id)));
  },
};
