import {
  MAX_COUNT,
  MAX_GUIDANCE_SCALE,
  MAX_PROMPT_LENGTH,
  MAX_STEPS,
  NegativePrompt,
  PRIORS,
  type PriorName,
  Prompt,
  Settings,
} from '../../recipe.ts';
import { decimal, parse, seed } from '../../typed-settings.ts';
import { draw } from '../draw.ts';
import type { Command } from './command.ts';
import { commandEverywhere } from './everywhere.ts';
import { promptChoices } from './prompt-choices.ts';

const PRIOR_NAMES: Record<PriorName, string> = {
  diffusion: 'diffusion prior',
  ar: 'autoregressive prior',
  none: "none: the words' own embedding",
};

/**
 * Text → pictures.
 * Discord's own limits are set only where its inline message tells as much as ours. Seed and guidance are text:
 * so "random" and a decimal comma can be typed, seeds above 2^53 aren't rounded on the way, and whatever else is typed
 * gets an answer that says what would be right.
 */
export const imagine: Command = {
  data: commandEverywhere('imagine', 'Draw pictures from words')
    .addStringOption((option) =>
      option
        .setName('prompt')
        .setDescription(`What to draw, at most ${MAX_PROMPT_LENGTH} characters`)
        .setRequired(true)
        .setAutocomplete(true),
    )
    .addStringOption((option) =>
      option
        .setName('seed')
        .setDescription('A whole number: the same seed and settings draw the same pictures (default: random)'),
    )
    .addIntegerOption((option) =>
      option.setName('steps').setDescription(`Denoising steps, 1 to ${MAX_STEPS}: more is finer and slower`),
    )
    .addStringOption((option) =>
      option
        .setName('guidance')
        .setDescription(`How closely to follow the prompt, 0 to ${MAX_GUIDANCE_SCALE}: 1 is freely, 3 to 7 is usual`),
    )
    .addIntegerOption((option) =>
      option.setName('count').setDescription('How many pictures').setMinValue(1).setMaxValue(MAX_COUNT),
    )
    .addStringOption((option) => option.setName('negative').setDescription('What to keep out of the pictures'))
    .addStringOption((option) =>
      option
        .setName('prior')
        .setDescription('What makes a picture embedding of the words (default: diffusion)')
        .addChoices(PRIORS.map((prior) => ({ name: PRIOR_NAMES[prior], value: prior }))),
    )
    .toJSON(),

  async execute(interaction, context) {
    const { options } = interaction;
    const prompt = parse(Prompt, options.getString('prompt', true));
    const negativePrompt = parse(NegativePrompt, options.getString('negative') ?? '');
    const settings = parse(Settings.required({ seed: true }), {
      seed: seed(options.getString('seed')),
      steps: options.getInteger('steps') ?? undefined,
      guidanceScale: decimal(options.getString('guidance')),
      count: options.getInteger('count') ?? undefined,
      prior: options.getString('prior') ?? undefined,
    });
    context.recentPrompts.add(interaction.user.id, prompt);
    await draw(interaction, { kind: 'imagine', prompt, ...(negativePrompt && { negativePrompt }), settings }, context);
  },

  async autocomplete(interaction, { recentPrompts }) {
    await interaction.respond(promptChoices(interaction.options.getFocused(), recentPrompts.of(interaction.user.id)));
  },
};
