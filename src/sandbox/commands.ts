import {
  type APIApplicationCommand,
  ApplicationCommandType,
  ApplicationIntegrationType,
  InteractionContextType,
  RESTJSONErrorCodes,
} from 'discord-api-types/v10';
import { ApiError, type FormProblem, invalidForm } from './api-error.ts';
import { withoutNulls } from './components.ts';
import type { Events } from './events.ts';
import type { Journal } from './journal.ts';
import type { PageChannel } from './page-protocol.ts';
import type { Snowflakes } from './snowflakes.ts';
import { APPLICATION_ID, CHANNELS, type Channel, channelSeenBy, isGuildChannel, membersOf, PEOPLE } from './world.ts';

/** A command as it's registered: the fields that are ours to give are not part of it. */
export type CommandBody = Partial<Omit<APIApplicationCommand, 'id' | 'application_id' | 'guild_id' | 'version'>> & {
  name: string;
};

const NAME = /^[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}$/u;

const unknownCommand = () =>
  new ApiError(404, RESTJSONErrorCodes.UnknownApplicationCommand, 'Unknown application command');

/** The application's registered commands, global ones and the guild's. */
export class Commands {
  readonly #journal: Journal;
  readonly #ids: Snowflakes;
  readonly #events: Events;

  constructor(journal: Journal, ids: Snowflakes, events: Events) {
    this.#journal = journal;
    this.#ids = ids;
    this.#events = events;
  }

  /** @param guildId undefined: the global ones */
  list(guildId: string | undefined): APIApplicationCommand[] {
    return [...this.#journal.values<APIApplicationCommand>('command/')].filter(
      (command) => command.guild_id === guildId,
    );
  }

  /** Throws 10063 where there is none. */
  get(id: string, guildId?: string): APIApplicationCommand {
    const command = this.#journal.records.get(key(id)) as APIApplicationCommand | undefined;
    if (!command || command.guild_id !== guildId) throw unknownCommand();
    return command;
  }

  /** Registers one; a command of the same name and type is replaced and keeps its id. */
  put(body: CommandBody, guildId: string | undefined): { command: APIApplicationCommand; created: boolean } {
    checkNames([body], []);
    const same = this.list(guildId).find((command) => isSame(command, body));
    const command = this.#save(same?.id ?? this.#ids.next(), body, guildId);
    this.#announce();
    return { command, created: same === undefined };
  }

  /** Changes what the body names. */
  patch(id: string, body: Partial<CommandBody>, guildId: string | undefined): APIApplicationCommand {
    const merged = { ...this.get(id, guildId), ...body };
    checkNames([merged], []);
    const command = this.#save(id, merged, guildId);
    this.#announce();
    return command;
  }

  /** Exactly these from now on. */
  replaceAll(bodies: readonly CommandBody[], guildId: string | undefined): APIApplicationCommand[] {
    for (const i of bodies.keys()) checkNames(bodies.slice(0, i + 1), [i]);
    const old = this.list(guildId);
    for (const { id } of old) this.#journal.delete(key(id));
    const commands = bodies.map((body) =>
      this.#save(old.find((command) => isSame(command, body))?.id ?? this.#ids.next(), body, guildId),
    );
    this.#announce();
    return commands;
  }

  delete(id: string, guildId: string | undefined): void {
    this.get(id, guildId);
    this.#journal.delete(key(id));
    this.#announce();
  }

  /** Slash commands that can be used in the channel, as registered; the guild's own hide global ones of the same name. */
  usableIn(channel: Channel): APIApplicationCommand[] {
    const guildOnes = isGuildChannel(channel) ? this.list(channel.guild_id) : [];
    const global = this.list(undefined).filter(
      (command) => isOfferedIn(channel, command) && !guildOnes.some((own) => isSame(own, command)),
    );
    return [...guildOnes, ...global].filter(({ type }) => type === ApplicationCommandType.ChatInput);
  }

  /** Throws 10063 unless it can be used in the channel. */
  findUsable(id: string, channel: Channel): APIApplicationCommand {
    const command = this.usableIn(channel).find((command) => command.id === id);
    if (!command) throw unknownCommand();
    return command;
  }

  /** The channels that a person has, with what can be used there. */
  channelsFor(userId: string): PageChannel[] {
    return CHANNELS.filter((channel) => membersOf(channel).includes(userId)).map((channel) => {
      const commands = this.usableIn(channel);
      if (isGuildChannel(channel)) {
        return { id: channel.id, kind: 'text', name: channel.name, topic: channel.topic ?? '', commands };
      }
      const seen = channelSeenBy(userId, channel) as typeof channel;
      const recipient = seen.recipients![0]!;
      const name = recipient.global_name ?? recipient.username;
      return { id: channel.id, kind: 'direct', name, recipient, topic: '', commands };
    });
  }

  #save(id: string, body: CommandBody, guildId: string | undefined): APIApplicationCommand {
    const { contexts, dm_permission, default_member_permissions, ...rest } = body;
    const command = {
      ...withoutNulls(rest),
      id,
      application_id: APPLICATION_ID,
      version: this.#ids.next(),
      type: body.type ?? ApplicationCommandType.ChatInput,
      description: body.description ?? '',
      default_member_permissions: default_member_permissions == null ? null : String(default_member_permissions),
      integration_types: body.integration_types ?? [ApplicationIntegrationType.GuildInstall],
      ...(guildId ? { guild_id: guildId } : { contexts: contexts ?? null, dm_permission: dm_permission ?? true }),
    } as APIApplicationCommand;
    this.#journal.put(key(id), command);
    return command;
  }

  #announce(): void {
    for (const { id } of PEOPLE)
      this.#events.emit('people', [id], { type: 'channels', channels: this.channelsFor(id) });
  }
}

const key = (id: string) => `command/${id}`;

const isSame = (a: CommandBody, b: CommandBody) =>
  a.name === b.name && (a.type ?? ApplicationCommandType.ChatInput) === (b.type ?? ApplicationCommandType.ChatInput);

function isOfferedIn(channel: Channel, { contexts, dm_permission, integration_types }: APIApplicationCommand): boolean {
  const byUser = integration_types?.includes(ApplicationIntegrationType.UserInstall) ?? false;
  const context = contextOf(channel);
  if (context === InteractionContextType.PrivateChannel && !byUser) return false;
  if (contexts) return contexts.includes(context);
  return context === InteractionContextType.Guild || dm_permission !== false;
}

export function contextOf(channel: Channel): InteractionContextType {
  if (isGuildChannel(channel)) return InteractionContextType.Guild;
  return membersOf(channel).includes(APPLICATION_ID)
    ? InteractionContextType.BotDM
    : InteractionContextType.PrivateChannel;
}

/** Checks the last of `bodies`: names, its description, the order of its options, and that no other has its name. */
function checkNames(bodies: readonly CommandBody[], at: readonly PropertyKey[]): void {
  const body = bodies.at(-1)!;
  const problems: FormProblem[] = [];
  const say = (path: PropertyKey[], code: string, message: string) =>
    problems.push({ path: [...at, ...path], code, message });
  const isSlash = (body.type ?? ApplicationCommandType.ChatInput) === ApplicationCommandType.ChatInput;
  const isName = (name: string) => NAME.test(name) && name === name.toLowerCase();
  if (isSlash && !isName(body.name)) {
    say(['name'], 'APPLICATION_COMMAND_INVALID_NAME', 'Command name is invalid: lower case, no spaces, 1 to 32');
  }
  if (isSlash && !body.description) say(['description'], 'BASE_TYPE_REQUIRED', 'This field is required');
  if (bodies.slice(0, -1).some((other) => isSame(other, body))) {
    say(['name'], 'APPLICATION_COMMANDS_DUPLICATE_NAME', 'Application command names must be unique');
  }
  let optionalSeen = false;
  for (const [i, option] of ((body as { options?: { name: string; required?: boolean }[] }).options ?? []).entries()) {
    if (!isName(option.name)) say(['options', i, 'name'], 'APPLICATION_COMMAND_INVALID_NAME', 'Option name is invalid');
    if (option.required && optionalSeen) {
      const message = 'Required options must be placed before non-required options';
      say(['options', i], 'APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID', message);
    }
    optionalSeen ||= !option.required;
  }
  if (problems.length > 0) throw invalidForm(problems);
}
