import {
  type APIApplicationCommandBasicOption,
  type APIApplicationCommandOptionChoice,
  type APIAttachment,
  type APIUser,
  ApplicationCommandOptionType as OptionType,
} from 'discord-api-types/v10';
import { type Checked, checkText, checkValue, type Invocable } from '../command-line.ts';
import type { OptionValue } from '../page-protocol.ts';
import { displayName } from './avatar.ts';

/** One option of a command being filled in. */
export interface Field {
  option: APIApplicationCommandBasicOption;
  text: string;
  /** Chosen from a list; the text is its name. */
  chosen?: OptionValue | undefined;
  attachment?: APIAttachment | undefined;
  uploading?: string | undefined;
  problem?: string | undefined;
}

export interface Choice {
  name: string;
  value: OptionValue;
}

export const isAttachment = ({ option }: Field): boolean => option.type === OptionType.Attachment;

/** Required options first, then those that have a text already; the others are offered. */
export function startingFields({ options }: Invocable, texts: ReadonlyMap<string, string>): Field[] {
  return options
    .filter(({ name, required }) => required || texts.has(name))
    .map((option) => ({ option, text: texts.get(option.name) ?? '' }));
}

/** The choices that don't depend on the bot, narrowed by what was typed; undefined: any text goes. */
export function fixedChoices({ option, text }: Field, people: readonly APIUser[]): Choice[] | undefined {
  const all = allChoices(option, people);
  return all?.filter(({ name }) => name.toLowerCase().includes(text.toLowerCase())).slice(0, 25);
}

function allChoices(option: APIApplicationCommandBasicOption, people: readonly APIUser[]): Choice[] | undefined {
  if ('choices' in option && option.choices?.length) return option.choices as APIApplicationCommandOptionChoice[];
  if (option.type === OptionType.User) return people.map((user) => ({ name: displayName(user), value: user.id }));
  if (option.type !== OptionType.Boolean) return undefined;
  return [
    { name: 'True', value: true },
    { name: 'False', value: false },
  ];
}

export const hasAutocomplete = ({ option }: Field): boolean => 'autocomplete' in option && option.autocomplete === true;

/** The field's value, or what is wrong with it; undefined where it is empty and may be. */
export function fieldValue(field: Field): Checked | undefined {
  const { option, attachment, chosen } = field;
  const text = field.text.trim();
  if (attachment) return { value: attachment.id };
  if (chosen !== undefined) return checkValue(option, chosen);
  if (!text) return option.required ? { problem: 'This option is required' } : undefined;
  if (isAttachment(field)) return { problem: 'Choose a file' };
  if (option.type === OptionType.User) return { problem: 'Choose one of the people in the list' };
  return checkText(option, text);
}

/** Shown while the option is filled in: what it is for and what it takes. */
export function hint({ option, text }: Field): string {
  const parts = [option.description];
  if (option.type === OptionType.Integer || option.type === OptionType.Number) {
    const { min_value: min, max_value: max } = option;
    const kind = option.type === OptionType.Integer ? 'whole number' : 'number';
    if (min !== undefined && max !== undefined) parts.push(`${kind} from ${min} to ${max}`);
    else if (min !== undefined) parts.push(`${kind}, at least ${min}`);
    else if (max !== undefined) parts.push(`${kind}, at most ${max}`);
    else parts.push(kind);
  }
  if (option.type === OptionType.String && option.max_length)
    parts.push(`${text.length}/${option.max_length} characters`);
  return parts.join(' · ');
}
