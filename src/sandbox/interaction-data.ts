import {
  type APIApplicationCommandInteractionDataBasicOption,
  ApplicationCommandType,
  ComponentType,
  ApplicationCommandOptionType as OptionType,
} from 'discord-api-types/v10';
import { InputError } from '../errors.ts';
import type { Invocable } from './command-line.ts';
import type { AnyComponent } from './component-rules.ts';
import { findUser, memberOf, PERMISSIONS } from './world.ts';

/** The parts of an interaction's payload that say what the person did. */

/** Of a slash command, its options inside those of the subcommand. */
export function commandData(
  { command, path }: Invocable,
  basic: readonly APIApplicationCommandInteractionDataBasicOption[],
) {
  const types = path.length === 2 ? [OptionType.SubcommandGroup, OptionType.Subcommand] : [OptionType.Subcommand];
  const options = path.reduceRight<readonly object[]>(
    (inner, name, depth) => [{ name, type: types[depth], options: inner }],
    basic,
  );
  return {
    id: command.id,
    name: command.name,
    type: ApplicationCommandType.ChatInput,
    ...(options.length > 0 && { options }),
    ...(command.guild_id && { guild_id: command.guild_id }),
  };
}

/** What was chosen in a menu. Throws InputError where the menu doesn't offer it. */
export function checkedValues(select: AnyComponent, values: readonly string[]): readonly string[] {
  const options = select.options as { value: string }[] | undefined;
  if (!options) throw new InputError('The local Discord offers menus of texts only');
  if (values.some((value) => !options.some((option) => option.value === value))) {
    throw new InputError('There is no such choice');
  }
  const { min_values: min, max_values: max } = select as { min_values?: number; max_values?: number };
  if (values.length < (min ?? 1) || values.length > (max ?? 1)) {
    throw new InputError(`Choose ${min} to ${max}`);
  }
  return values;
}

/** A modal's component as it comes back with its values. */
export function submitted(component: AnyComponent, values: Record<string, string>): object {
  const { type, id = 0, custom_id } = component;
  const inner = component.component as AnyComponent | undefined;
  if (inner) return { type, id, component: submitted(inner, values) };
  if (component.components) return { type, id, components: component.components.map((c) => submitted(c, values)) };
  if (type === ComponentType.TextDisplay) return { type, id };
  const value = values[custom_id!] ?? '';
  return type === ComponentType.StringSelect
    ? { type, id, custom_id, values: value ? [value] : [] }
    : { type, id, custom_id, value };
}

export function partialMember(userId: string) {
  const { user: _, deaf: __, mute: ___, ...member } = memberOf(findUser(userId)!);
  return { ...member, permissions: PERMISSIONS };
}
