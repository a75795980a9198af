import type { ButtonInteraction } from 'discord.js';
import { decodeCustomId } from '../../discord/custom-id.ts';
import { InputError } from '../../errors.ts';
import type { BotContext } from '../context.ts';
import { draw } from '../draw.ts';
import { taskOf } from '../draw-again.ts';
import { modifyForm } from '../modification.ts';
import { cancel } from './cancel.ts';
import { deletePictures } from './delete.ts';

/** Does what a button says. @throws InputError for one that isn't ours, or not of this version */
export async function pressed(interaction: ButtonInteraction, context: BotContext): Promise<void> {
  const action = decodeCustomId(interaction.customId);
  switch (action?.action) {
    case 'variations':
    case 'upscale':
    case 'guidance':
    case 'rerun':
      return draw(interaction, taskOf(action, interaction.message), context);
    case 'modify':
      return interaction.showModal(modifyForm(action.picture));
    case 'delete':
      return deletePictures(interaction, action.ownerId);
    case 'cancel':
      return cancel(interaction, action.ownerId, context);
    case undefined:
      throw new InputError('this button is of another version of the bot: ask for the pictures again with /imagine');
  }
}
