import type { ButtonInteraction } from 'discord.js';
import { InputError } from '../../errors.ts';

/** Takes the message away, by the interaction's right: that also works where the bot itself may not enter. */
export async function deletePictures(interaction: ButtonInteraction, ownerId: string): Promise<void> {
  if (interaction.user.id !== ownerId)
    throw new InputError('only the person who asked for these pictures can delete them');
  await interaction.deferUpdate();
  await interaction.deleteReply();
}
