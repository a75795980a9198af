import type { ButtonInteraction } from 'discord.js';
import { cancelled } from '../../discord/views.ts';
import { InputError } from '../../errors.ts';
import { jobId } from '../../queue/messages.ts';
import type { BotContext } from '../context.ts';

/** Stops the drawing that the message shows. One already being drawn ends at its next step, and the engine says so. */
export async function cancel(interaction: ButtonInteraction, ownerId: string, { queue }: BotContext): Promise<void> {
  if (interaction.user.id !== ownerId) throw new InputError('only the person who asked for this drawing can cancel it');
  const state = await queue.cancel(jobId(interaction.message.id));
  if (state === undefined) throw new InputError('this drawing is already over');
  if (state === 'stopping') {
    await interaction.deferUpdate();
  } else {
    const { content, components } = cancelled({ reply: { userId: ownerId, interaction: undefined } });
    await interaction.update({ content, components });
  }
}
