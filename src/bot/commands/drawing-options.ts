import type { CommandInteractionOptionResolver, SlashCommandOptionsOnlyBuilder } from 'discord.js';
import { MAX_COUNT, MAX_GUIDANCE_SCALE, MAX_STEPS, SAMPLERS } from '../../recipe.ts';
import { SeededSettings } from '../../task.ts';
import { decimal, parse, seed } from '../../typed-settings.ts';

/**
 * Adds the options of every command that draws.
 * Discord's own limits are set only where its inline message tells as much as ours. Seed and guidance are text:
 * so "random" and a decimal comma can be typed, seeds above 2^53 aren't rounded on the way, and whatever else is typed
 * gets an answer that says what would be right.
 */
export function withSettings<Builder extends SlashCommandOptionsOnlyBuilder>(command: Builder): Builder {
  command
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
    .addStringOption((option) =>
      option
        .setName('sampler')
        .setDescription("How noise becomes a picture (default: the model's)")
        .addChoices(SAMPLERS.map((name) => ({ name, value: name }))),
    );
  return command;
}

/** For commands whose pictures differ by their seed alone. */
export function withCount<Builder extends SlashCommandOptionsOnlyBuilder>(command: Builder): Builder {
  command.addIntegerOption((option) =>
    option.setName('count').setDescription('How many pictures').setMinValue(1).setMaxValue(MAX_COUNT),
  );
  return command;
}

/** What was typed into any of these options. @throws InputError with all that is wrong */
export function settingsFrom(
  options: Pick<CommandInteractionOptionResolver, 'getString' | 'getInteger'>,
): SeededSettings {
  return parse(SeededSettings, {
    seed: seed(options.getString('seed')),
    steps: options.getInteger('steps') ?? undefined,
    guidanceScale: decimal(options.getString('guidance')),
    sampler: options.getString('sampler') ?? undefined,
    eta: decimal(options.getString('eta')),
    prior: options.getString('prior') ?? undefined,
    width: options.getInteger('width') ?? undefined,
    height: options.getInteger('height') ?? undefined,
    count: options.getInteger('count') ?? undefined,
  });
}
