import {
  type APIApplicationCommandBasicOption,
  type APIApplicationCommandInteractionDataBasicOption,
  type APIAttachment,
  type APIMessage,
  ApplicationIntegrationType,
  ComponentType,
  InteractionContextType,
  InteractionType,
  MessageType,
  ApplicationCommandOptionType as OptionType,
} from 'discord-api-types/v10';
import { InputError } from '../errors.ts';
import { missingPermissions } from './api-error.ts';
import type { Attachments, Upload } from './attachments.ts';
import { checkValue, type Invocable, invocables } from './command-line.ts';
import { type Commands, contextOf } from './commands.ts';
import type { AnyComponent } from './component-rules.ts';
import { findComponent } from './components.ts';
import type { Events } from './events.ts';
import { checkedValues, commandData, partialMember, submitted } from './interaction-data.ts';
import type { Interaction, Interactions } from './interactions.ts';
import type { Journal } from './journal.ts';
import type { Messages, StoredMessage } from './messages.ts';
import type { OptionValue, PageAction, PageChannel, PageUpdate } from './page-protocol.ts';
import { bySnowflake, snowflakeTime } from './snowflakes.ts';
import {
  APPLICATION_ID,
  ATTACHMENT_SIZE_LIMIT,
  type Channel,
  channelSeenBy,
  findChannel,
  findUser,
  GUILD,
  GUILD_ID,
  isGuildChannel,
  memberOf,
  membersOf,
  PERMISSIONS,
} from './world.ts';

type Action<T extends PageAction['type']> = Omit<Extract<PageAction, { type: T }>, 'type'>;

const UPLOAD_LIFE = 24 * 60 * 60_000;

/** What a refusal tells the person: their client would not have let them do it. */
const refuse = (reason: string): never => {
  throw new InputError(reason);
};

interface Parts {
  journal: Journal;
  messages: Messages;
  commands: Commands;
  interactions: Interactions;
  attachments: Attachments;
  events: Events;
}

/** One person at their client: everything that can be done in the channel. Refusals are InputErrors. */
export class Person {
  readonly id: string;
  readonly #parts: Parts;

  /** @param parts the local Discord that the person uses */
  constructor(id: string, parts: Parts) {
    this.id = id;
    this.#parts = parts;
  }

  /** Their channels, with the commands that can be used there. */
  channels(): PageChannel[] {
    return this.#parts.commands.channelsFor(this.id);
  }

  /** Hears of all that changes for them; returns a function that ends it. */
  listen(hear: (update: PageUpdate) => void): () => void {
    const { events } = this.#parts;
    const listener = (userIds: readonly string[], update: PageUpdate) => userIds.includes(this.id) && hear(update);
    events.on('people', listener);
    return () => events.off('people', listener);
  }

  /** What they see of a channel, oldest first. */
  messages(channelId: string): APIMessage[] {
    this.#channel(channelId);
    return this.#parts.messages
      .list(channelId, this.id)
      .map((message) => this.#parts.messages.seenBy(this.id, message));
  }

  /** Takes in a file for a later message or attachment option. */
  async upload(file: Omit<Upload, 'index'>, channelId: string): Promise<APIAttachment> {
    const { attachments, journal } = this.#parts;
    this.#channel(channelId);
    const attachment = await attachments.add({ ...file, index: 0 }, channelId, true);
    journal.put(`upload/${attachment.id}`, attachment);
    return attachment;
  }

  async send({ channelId, content, attachmentIds, replyTo }: Action<'send'>): Promise<string> {
    const { messages, attachments } = this.#parts;
    this.#channel(channelId);
    const uploads = attachmentIds.map(async (id, index) => {
      const { filename } = this.#upload(id);
      return { index, filename, bytes: (await attachments.files.get(id)) ?? refuse('This file is gone') };
    });
    const start = { channelId, authorId: this.id, type: replyTo ? MessageType.Reply : MessageType.Default };
    const message = await messages.create(
      { ...start, ...(replyTo && { referenceId: replyTo }) },
      { content },
      await Promise.all(uploads),
    );
    return message.id;
  }

  /** Uses a slash command; returns the interaction's id. */
  command({ channelId, commandId, path, values }: Action<'command'>): string {
    const channel = this.#channel(channelId);
    const invocable = this.#invocable(channel, commandId, path);
    const given = invocable.options.filter(({ name }) => values[name] !== undefined);
    const missing = invocable.options.find(({ name, required }) => required && values[name] === undefined);
    if (missing) return refuse(`${missing.name}: This option is required`);
    const options = given.map((option) => {
      const checked = checkValue(option, values[option.name]!);
      if ('problem' in checked) return refuse(`${option.name}: ${checked.problem}`);
      return {
        name: option.name,
        type: option.type,
        value: checked.value,
      } as APIApplicationCommandInteractionDataBasicOption;
    });
    const data = { ...commandData(invocable, options), resolved: this.#resolved(given, values) };
    return this.#interact(channel, InteractionType.ApplicationCommand, data, { commandName: invocable.name });
  }

  /** Asks the bot for choices; they arrive as `choices` under the returned interaction id. */
  autocomplete({ channelId, commandId, path, values, focused }: Action<'autocomplete'>): string {
    const channel = this.#channel(channelId);
    const invocable = this.#invocable(channel, commandId, path);
    const options = invocable.options
      .filter(({ name }) => values[name] !== undefined || name === focused)
      .map(({ name, type }) => {
        const value = values[name] ?? '';
        return { name, type, value, ...(name === focused && { focused: true }) };
      });
    const data = commandData(invocable, options as APIApplicationCommandInteractionDataBasicOption[]);
    return this.#interact(channel, InteractionType.ApplicationCommandAutocomplete, data, {});
  }

  /** Presses a button, or chooses `values` in a menu. */
  component({ messageId, customId, values }: Action<'component'>): string {
    const message = this.#message(messageId);
    const component = findComponent(message.components, customId) ?? refuse('There is no such button or menu');
    if (component.disabled) refuse('This is disabled');
    const isButton = component.type === ComponentType.Button;
    const data = {
      custom_id: customId,
      component_type: component.type,
      id: component.id,
      ...(!isButton && { values: checkedValues(component, values ?? []) }),
    };
    const channel = findChannel(message.channelId)!;
    return this.#interact(channel, InteractionType.MessageComponent, data, { messageId, customId });
  }

  /** @param values text of each input by its custom id */
  submitModal({ interactionId, values }: Action<'modal-submit'>): string {
    const { journal } = this.#parts;
    const opened = journal.records.get(`interaction/${interactionId}`) as Interaction | undefined;
    const modal = opened?.userId === this.id ? opened.modal : undefined;
    if (!opened || !modal) return refuse('This form is gone');
    const components = modal.components.map((component) => submitted(component as unknown as AnyComponent, values));
    const data = { custom_id: modal.custom_id, components };
    const { messageId, commandName } = opened;
    return this.#interact(findChannel(opened.channelId)!, InteractionType.ModalSubmit, data, {
      ...(messageId && { messageId }),
      ...(commandName && { commandName }),
    });
  }

  react({ messageId, emoji }: Action<'react'>): void {
    const message = this.#message(messageId);
    if (message.onlyFor) refuse('Messages that only you can see take no reactions');
    this.#parts.messages.react(message, this.id, { id: null, name: emoji });
  }

  unreact({ messageId, emoji }: Action<'unreact'>): void {
    this.#parts.messages.unreact(this.#message(messageId), this.id, { id: null, name: emoji });
  }

  /** Their own messages, and all messages where they may manage them. */
  async delete({ messageId }: Action<'delete'>): Promise<void> {
    const message = this.#message(messageId);
    if (message.authorId !== this.id) throw missingPermissions();
    await this.#parts.messages.delete(message);
  }

  /** Takes away a message that only they see. */
  async dismiss({ messageId }: Action<'dismiss'>): Promise<void> {
    const message = this.#message(messageId);
    if (!message.onlyFor) refuse('Everybody sees this message');
    await this.#parts.messages.delete(message);
  }

  typing({ channelId }: Action<'typing'>): void {
    const others = membersOf(this.#channel(channelId)).filter((id) => id !== this.id);
    this.#parts.events.emit('people', others, { type: 'typing', channelId, user: findUser(this.id)! });
  }

  #channel(id: string): Channel {
    const channel = findChannel(id);
    if (!channel || !membersOf(channel).includes(this.id)) return refuse('There is no such channel');
    return channel;
  }

  #message(id: string): StoredMessage {
    const message = this.#parts.messages.find(id);
    const visible = message && (message.onlyFor === undefined || message.onlyFor === this.id);
    if (!visible) return refuse('This message is gone');
    this.#channel(message.channelId);
    return message;
  }

  #upload(id: string): APIAttachment {
    return (
      (this.#parts.journal.records.get(`upload/${id}`) as APIAttachment | undefined) ?? refuse('This file is gone')
    );
  }

  #invocable(channel: Channel, commandId: string, path: readonly string[]): Invocable {
    const command = this.#parts.commands.findUsable(commandId, channel);
    const wanted = path.join(' ');
    return invocables([command]).find((one) => one.path.join(' ') === wanted) ?? refuse('There is no such command');
  }

  #resolved(options: readonly APIApplicationCommandBasicOption[], values: Record<string, OptionValue>) {
    const ofType = (type: OptionType) =>
      options.filter((option) => option.type === type).map(({ name }) => String(values[name]));
    const attachments = ofType(OptionType.Attachment).map((id) => [id, this.#upload(id)]);
    const users = ofType(OptionType.User).map(
      (id) => [id, findUser(id) ?? refuse('There is nobody of this id')] as const,
    );
    return {
      ...(attachments.length > 0 && { attachments: Object.fromEntries(attachments) }),
      ...(users.length > 0 && {
        users: Object.fromEntries(users),
        members: Object.fromEntries(users.map(([id, user]) => [id, partialMember(user.id)])),
      }),
    };
  }

  #interact(
    channel: Channel,
    type: InteractionType,
    data: object,
    shown: Partial<Pick<Interaction, 'commandName' | 'messageId' | 'customId'>>,
  ): string {
    const { interactions, messages, events } = this.#parts;
    const context = contextOf(channel);
    const owners: Record<string, string> =
      context === InteractionContextType.PrivateChannel
        ? { [ApplicationIntegrationType.UserInstall]: this.id }
        : { [ApplicationIntegrationType.GuildInstall]: isGuildChannel(channel) ? GUILD_ID : '0' };
    const interaction = interactions.begin({ type, userId: this.id, channelId: channel.id, owners, ...shown });
    const message = shown.messageId && messages.get(shown.messageId);
    const d = {
      id: interaction.id,
      application_id: APPLICATION_ID,
      type,
      token: interaction.token,
      version: 1,
      data,
      channel_id: channel.id,
      channel: { ...channelSeenBy(this.id, channel), permissions: PERMISSIONS },
      ...this.#whoAndWhere(channel),
      ...(message && { message: messages.seenBy(APPLICATION_ID, message) }),
      app_permissions: PERMISSIONS,
      locale: 'en-US',
      entitlements: [],
      authorizing_integration_owners: owners,
      context,
      attachment_size_limit: ATTACHMENT_SIZE_LIMIT,
    };
    events.emit('bot', { t: 'INTERACTION_CREATE', d, intents: 0 });
    return interaction.id;
  }

  #whoAndWhere(channel: Channel) {
    const user = findUser(this.id)!;
    if (!isGuildChannel(channel)) return { user };
    return {
      member: { ...memberOf(user), permissions: PERMISSIONS },
      guild_id: GUILD_ID,
      guild: { id: GUILD_ID, locale: GUILD.preferred_locale, features: [] },
      guild_locale: GUILD.preferred_locale,
    };
  }
}

/** Files that people chose more than a day ago and whose bot never made something of them go. */
export async function forgetOldUploads({ journal, attachments }: Pick<Parts, 'journal' | 'attachments'>, now: number) {
  const uploads = [...journal.values<APIAttachment>('upload/')].sort((a, b) => bySnowflake(a.id, b.id));
  const old = uploads.filter(({ id }) => snowflakeTime(id) + UPLOAD_LIFE < now);
  for (const { id } of old) journal.delete(`upload/${id}`);
  await attachments.remove(old);
}
