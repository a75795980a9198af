import {
  type APIApplicationCommand,
  type APIApplicationCommandBasicOption,
  type APIApplicationCommandOption,
  ApplicationCommandOptionType as OptionType,
} from 'discord-api-types/v10';
import type { OptionValue } from './page-protocol.ts';

/** Slash commands as people type them, and Discord's checks on the options; used by the page and by the server. */

/** A command, or one of its subcommands. */
export interface Invocable {
  command: APIApplicationCommand;
  /** Names of subcommand group and subcommand. */
  path: string[];
  /** Without the slash: `imagine`, `settings show`. */
  name: string;
  description: string;
  options: APIApplicationCommandBasicOption[];
}

const MAX_SAFE = 2 ** 53;
const MAX_STRING = 6000;

export function invocables(commands: readonly APIApplicationCommand[]): Invocable[] {
  return commands.flatMap((command) => branches(command, [], command.description, command.options ?? []));
}

function branches(
  command: APIApplicationCommand,
  path: string[],
  description: string,
  options: readonly APIApplicationCommandOption[],
): Invocable[] {
  const inner = options.flatMap((option) =>
    option.type === OptionType.Subcommand || option.type === OptionType.SubcommandGroup
      ? branches(command, [...path, option.name], option.description, option.options ?? [])
      : [],
  );
  if (inner.length > 0) return inner;
  const name = [command.name, ...path].join(' ');
  return [{ command, path, name, description, options: options as APIApplicationCommandBasicOption[] }];
}

export interface TypedCommand {
  invocable: Invocable;
  /** Text of each option that was named, in the order of typing. */
  texts: Map<string, string>;
}

/**
 * Reads `/imagine prompt: red heart seed: 5`; text before the first option's name belongs to the first option.
 * Returns undefined where no such command exists.
 */
export function parseCommandLine(line: string, known: readonly Invocable[]): TypedCommand | undefined {
  const invocable = known
    .filter(({ name }) => line === `/${name}` || line.startsWith(`/${name} `))
    .sort((a, b) => b.name.length - a.name.length)[0];
  if (!invocable) return undefined;
  const rest = line.slice(invocable.name.length + 1);
  const starts = [...rest.matchAll(/(?<=\s)([-_\p{L}\p{N}]+):/gu)].filter(([, name]) =>
    invocable.options.some((option) => option.name === name),
  );
  const texts = new Map<string, string>();
  const free = rest.slice(0, starts[0]?.index).trim();
  const first = invocable.options[0];
  if (free && first) texts.set(first.name, free);
  for (const [i, match] of starts.entries()) {
    texts.set(match[1]!, rest.slice(match.index + match[0].length, starts[i + 1]?.index).trim());
  }
  return { invocable, texts };
}

/** A checked value, or what Discord would say against it. */
export type Checked = { value: OptionValue } | { problem: string };

const YES = ['true', 'yes'];
const NO = ['false', 'no'];

/**
 * What Discord's own client makes of an option's text. Only what the command's definition says is checked:
 * anything else is the bot's business.
 */
export function checkText(option: APIApplicationCommandBasicOption, text: string): Checked {
  if ('choices' in option && option.choices?.length) {
    const choice = option.choices.find(({ name }) => name.toLowerCase() === text.toLowerCase());
    return choice ? { value: choice.value } : { problem: 'Choose one of the options in the list' };
  }
  switch (option.type) {
    case OptionType.Boolean: {
      const word = text.toLowerCase();
      if (YES.includes(word)) return { value: true };
      return NO.includes(word) ? { value: false } : { problem: 'Choose True or False' };
    }
    case OptionType.Integer:
      if (!/^[+-]?\d+$/.test(text)) return { problem: 'Input a valid integer' };
      return checkValue(option, Number(text));
    case OptionType.Number:
      if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text)) return { problem: 'Input a valid number' };
      return checkValue(option, Number(text));
    default:
      return checkValue(option, text);
  }
}

/** Discord's checks on a value of the right kind. */
export function checkValue(option: APIApplicationCommandBasicOption, value: OptionValue): Checked {
  switch (option.type) {
    case OptionType.String: {
      if (typeof value !== 'string') return { problem: 'Input a text' };
      const { min_length = 0, max_length = MAX_STRING } = option;
      if (value.length < min_length) return { problem: `Use at least ${min_length} characters, not ${value.length}` };
      if (value.length > max_length) return { problem: `Use at most ${max_length} characters, not ${value.length}` };
      return checkChoice(option.choices, value);
    }
    case OptionType.Integer:
    case OptionType.Number: {
      const isNumber = typeof value === 'number' && Number.isFinite(value);
      if (!isNumber) return { problem: 'Input a valid number' };
      if (option.type === OptionType.Integer && !Number.isInteger(value)) return { problem: 'Input a valid integer' };
      const min = option.min_value ?? -MAX_SAFE;
      const max = option.max_value ?? MAX_SAFE;
      if (value < min) return { problem: `Use a number of at least ${min}` };
      if (value > max) return { problem: `Use a number of at most ${max}` };
      return checkChoice(option.choices, value);
    }
    case OptionType.Boolean:
      return typeof value === 'boolean' ? { value } : { problem: 'Choose True or False' };
    default:
      return typeof value === 'string' && value !== '' ? { value } : { problem: 'This option is required' };
  }
}

function checkChoice(choices: readonly { value: OptionValue }[] | undefined, value: OptionValue): Checked {
  if (!choices?.length || choices.some((choice) => choice.value === value)) return { value };
  return { problem: 'Choose one of the options in the list' };
}
