import type {
  AutocompleteInteraction,
  ChatInputCommandInteraction,
  RESTPostAPIChatInputApplicationCommandsJSONBody,
} from 'discord.js';
import type { BotContext } from '../context.ts';

/** A slash command: one file each, in the list of index.ts. */
export interface Command {
  /** What Discord shows, and what deploy-commands registers. */
  readonly data: RESTPostAPIChatInputApplicationCommandsJSONBody;
  /** Acknowledges within 3 s. An InputError becomes an ephemeral reply. */
  execute(interaction: ChatInputCommandInteraction, context: BotContext): Promise<void>;
  /** There if and only if an option asks for it. */
  autocomplete?(interaction: AutocompleteInteraction, context: BotContext): Promise<void>;
}

/**
 * The commands by name.
 * @throws Error that names the command and what is wrong with it: found at the start, not by the first person who types it
 */
export function indexCommands(commands: readonly Command[]): ReadonlyMap<string, Command> {
  const index = new Map<string, Command>();
  for (const [i, command] of commands.entries()) {
    const name = command?.data?.name;
    const where = `command ${name ?? `number ${i + 1}`}`;
    for (const problem of problems(command)) throw new Error(`${where}: ${problem}`);
    if (index.has(name)) throw new Error(`${where}: there are two of that name`);
    index.set(name, command);
  }
  return index;
}

function* problems(command: Command): Generator<string> {
  const { data, execute, autocomplete } = command ?? {};
  if (!data) return yield 'expected an object { data, execute, autocomplete? }';
  if (!/^[\p{Ll}\p{Lo}\p{N}_-]{1,32}$/u.test(data.name ?? '')) {
    yield `data.name must be 1 to 32 lower-case letters, digits, - or _, found ${JSON.stringify(data.name)}`;
  }
  const length = data.description?.length ?? 0;
  if (length < 1 || length > 100) yield `data.description must have 1 to 100 characters, found ${length}`;
  if (typeof execute !== 'function') yield `execute must be a function, found ${typeof execute}`;
  const asking = data.options?.find((option) => 'autocomplete' in option && option.autocomplete)?.name;
  if (asking && typeof autocomplete !== 'function') yield `option ${asking} has autocomplete, the command has none`;
  if (!asking && autocomplete) yield 'has autocomplete, but no option asks for it';
}
