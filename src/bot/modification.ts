import {
  type APIModalInteractionResponseCallbackData,
  type APITextInputComponent,
  ComponentType,
  type ModalSubmitInteraction,
  TextInputStyle,
} from 'discord.js';
import { decodeCustomId, encodeCustomId } from '../discord/custom-id.ts';
import { InputError } from '../errors.ts';
import { MAX_COUNT, MAX_PROMPT_LENGTH } from '../recipe.ts';
import { USUAL_STRENGTHS } from '../task.ts';
import { numbers, randomSeed } from '../typed-settings.ts';
import type { BotContext } from './context.ts';
import { draw } from './draw.ts';
import { pictureOf } from './message-pictures.ts';

/** Asks what a picture of a message is to show instead. */
export function modifyForm(picture: number): APIModalInteractionResponseCallbackData {
  const text = (custom_id: string, more: Partial<APITextInputComponent>): APITextInputComponent => ({
    type: ComponentType.TextInput,
    style: TextInputStyle.Short,
    custom_id,
    required: false,
    ...more,
  });
  const label = (name: string, description: string, component: APITextInputComponent) =>
    ({ type: ComponentType.Label, label: name, description, component }) as const;
  return {
    title: `Modify picture ${picture + 1}`,
    custom_id: encodeCustomId({ action: 'modify', picture }),
    components: [
      label(
        'What is it to show?',
        'Its composition is kept.',
        text('prompt', { required: true, max_length: MAX_PROMPT_LENGTH, placeholder: 'green heart' }),
      ),
      label(
        'What does it show now?',
        'Left empty: what it was drawn from.',
        text('from', { max_length: MAX_PROMPT_LENGTH }),
      ),
      label(
        'How far to go, 0 to 1',
        'A picture for each, at most four.',
        text('strength', { max_length: 100, value: USUAL_STRENGTHS.join(' ') }),
      ),
    ],
  };
}

/** Draws what was filled into that form. @throws InputError for a form that isn't ours, or not of this version */
export async function submitted(interaction: ModalSubmitInteraction, context: BotContext): Promise<void> {
  const action = decodeCustomId(interaction.customId);
  if (action?.action !== 'modify' || !interaction.message) {
    throw new InputError('this form is of another version of the bot: press the button again');
  }
  const { fields } = interaction;
  const task = {
    kind: 'modify',
    pictures: [pictureOf(interaction.message, action.picture)],
    prompt: fields.getTextInputValue('prompt'),
    from: fields.getTextInputValue('from').trim() || undefined,
    strengths: strengthsFrom(fields.getTextInputValue('strength')),
    settings: { seed: randomSeed() },
  };
  await draw(interaction, task, context);
}

/** The typed strengths of a modification; the usual ones where nothing was typed. @throws InputError for too many */
export function strengthsFrom(text: string | null): readonly unknown[] {
  if (!text?.trim()) return USUAL_STRENGTHS;
  const strengths = numbers(text);
  if (strengths.length <= MAX_COUNT) return strengths;
  throw new InputError(`strength: at most ${MAX_COUNT} of them, one for each picture, not ${strengths.length}`);
}
