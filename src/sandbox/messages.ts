import {
  type APIMessage,
  type APIMessageInteraction,
  type APIMessageInteractionMetadata,
  type APIUser,
  GatewayIntentBits as Intents,
  MessageFlags,
  MessageReferenceType,
  type MessageType,
} from 'discord-api-types/v10';
import { unknownMessage } from './api-error.ts';
import type { Attachments, Upload } from './attachments.ts';
import type { Clock } from './clock.ts';
import type { Events } from './events.ts';
import type { Journal } from './journal.ts';
import {
  applyBody,
  type Content,
  listedAttachments,
  type MessageBody,
  mentionedUsers,
  NO_CONTENT,
} from './message-body.ts';
import { bySnowflake, type Snowflakes, snowflakeTime } from './snowflakes.ts';
import { APPLICATION_ID, type Channel, findChannel, findUser, isGuildChannel, memberOf, membersOf } from './world.ts';

export interface Emoji {
  id: string | null;
  name: string;
}
interface Reaction {
  emoji: Emoji;
  userIds: string[];
}

export interface StoredMessage extends Content {
  id: string;
  channelId: string;
  authorId: string;
  type: MessageType;
  editedAt: number | null;
  mentions: APIUser[];
  reactions: Reaction[];
  /** Ephemeral: the one person who sees it. */
  onlyFor?: string;
  /** The message this one answers. */
  referenceId?: string;
  nonce?: string | number;
  /** The interaction whose token may change it. */
  interaction?: { metadata: APIMessageInteractionMetadata; summary?: APIMessageInteraction };
}

export type NewMessage = Pick<StoredMessage, 'channelId' | 'authorId' | 'type'> &
  Partial<Pick<StoredMessage, 'onlyFor' | 'referenceId' | 'nonce' | 'interaction' | 'flags'>>;

const EPHEMERAL_LIFE = 15 * 60_000;
/** Of files that an edit replaced: pages may still be loading them. */
const REPLACED_LIFE = 10_000;

/** All messages of all channels: written here, seen by each viewer in their own way, announced to bot and people. */
export class Messages {
  readonly #journal: Journal;
  readonly #attachments: Attachments;
  readonly #clock: Clock;
  readonly #ids: Snowflakes;
  readonly #events: Events;

  constructor(journal: Journal, attachments: Attachments, clock: Clock, ids: Snowflakes, events: Events) {
    this.#journal = journal;
    this.#attachments = attachments;
    this.#clock = clock;
    this.#ids = ids;
    this.#events = events;
    for (const message of [...this.#all()]) {
      const old = snowflakeTime(message.id) + EPHEMERAL_LIFE < clock.now();
      if (message.onlyFor && old) this.#journal.delete(key(message.id));
    }
  }

  find(id: string): StoredMessage | undefined {
    return this.#journal.records.get(key(id)) as StoredMessage | undefined;
  }

  /** Throws 10008 where there is none, or none in that channel. */
  get(id: string, channelId?: string): StoredMessage {
    const message = this.find(id);
    if (!message || (channelId !== undefined && message.channelId !== channelId)) throw unknownMessage();
    return message;
  }

  /** As above, and ephemeral messages are unknown too: the bot's token doesn't reach them. */
  getPublic(id: string, channelId: string): StoredMessage {
    const message = this.get(id, channelId);
    if (message.onlyFor) throw unknownMessage();
    return message;
  }

  /** What `viewerId` sees of the channel, oldest first. */
  list(channelId: string, viewerId: string): StoredMessage[] {
    return [...this.#all()]
      .filter((message) => message.channelId === channelId && (!message.onlyFor || message.onlyFor === viewerId))
      .sort((a, b) => bySnowflake(a.id, b.id));
  }

  async create(start: NewMessage, body: MessageBody, uploads: readonly Upload[]): Promise<StoredMessage> {
    const { onlyFor, flags = 0, ...rest } = start;
    const place = { channelId: start.channelId, ephemeral: onlyFor !== undefined };
    const content = await applyBody(NO_CONTENT, body, uploads, place, this.#attachments);
    return this.#add({ ...rest, ...(onlyFor && { onlyFor }) }, { ...content, flags: content.flags | flags }, body);
  }

  /** “… is thinking”: stands for the message to come. */
  createLoading(start: NewMessage): StoredMessage {
    return this.#add(start, { ...NO_CONTENT, flags: (start.flags ?? 0) | MessageFlags.Loading }, {});
  }

  /** An edit that fills a loading message doesn't count as edited. */
  async edit(message: StoredMessage, body: MessageBody, uploads: readonly Upload[]): Promise<StoredMessage> {
    const place = { channelId: message.channelId, ephemeral: message.onlyFor !== undefined };
    const content = await applyBody(message, body, uploads, place, this.#attachments);
    const current = this.get(message.id);
    const loading = message.flags & MessageFlags.Loading;
    const edited: StoredMessage = {
      ...current,
      ...content,
      flags: content.flags & ~MessageFlags.Loading,
      editedAt: loading ? null : this.#clock.now(),
      mentions: body.content === undefined ? current.mentions : mentionedUsers(content.content, body.allowed_mentions),
    };
    this.#save(edited);
    this.#announce('MESSAGE_UPDATE', edited);
    const replaced = message.files.filter(({ id }) => !content.files.some((file) => file.id === id));
    this.#clock.setTimeout(() => void this.#attachments.remove(replaced), REPLACED_LIFE);
    return edited;
  }

  async delete(message: StoredMessage): Promise<void> {
    this.#journal.delete(key(message.id));
    const { id, channelId } = message;
    const channel = findChannel(channelId)!;
    this.#events.emit('people', audience(message), { type: 'message-deleted', channelId, id });
    this.#toBot('MESSAGE_DELETE', message, { id, channel_id: channelId, ...guildOf(channel, message) });
    await this.#attachments.remove(message.files);
  }

  react(message: StoredMessage, userId: string, emoji: Emoji): void {
    const existing = message.reactions.find((reaction) => isSameEmoji(reaction.emoji, emoji));
    if (existing?.userIds.includes(userId)) return;
    const reactions = existing
      ? message.reactions.map((r) => (r === existing ? { ...r, userIds: [...r.userIds, userId] } : r))
      : [...message.reactions, { emoji, userIds: [userId] }];
    this.#changeReactions({ ...message, reactions }, 'MESSAGE_REACTION_ADD', {
      ...whoReacted(userId, emoji),
      message_author_id: message.authorId,
      ...(isGuildChannel(findChannel(message.channelId)!) && { member: memberOf(findUser(userId)!) }),
    });
  }

  unreact(message: StoredMessage, userId: string, emoji: Emoji): void {
    const existing = message.reactions.find((reaction) => isSameEmoji(reaction.emoji, emoji));
    if (!existing?.userIds.includes(userId)) return;
    const reactions = message.reactions
      .map((r) => (r === existing ? { ...r, userIds: r.userIds.filter((id) => id !== userId) } : r))
      .filter(({ userIds }) => userIds.length > 0);
    this.#changeReactions({ ...message, reactions }, 'MESSAGE_REACTION_REMOVE', whoReacted(userId, emoji));
  }

  /** The message in Discord's form, as `viewerId` sees it. */
  seenBy(viewerId: string, message: StoredMessage): APIMessage {
    const { id, channelId, interaction, reactions } = message;
    const byApplication = interaction && { application_id: APPLICATION_ID, webhook_id: APPLICATION_ID };
    return {
      id,
      channel_id: channelId,
      author: findUser(message.authorId)!,
      type: message.type,
      content: message.content,
      timestamp: new Date(snowflakeTime(id)).toISOString(),
      edited_timestamp: message.editedAt === null ? null : new Date(message.editedAt).toISOString(),
      tts: false,
      mention_everyone: false,
      mentions: message.mentions,
      mention_roles: [],
      attachments: listedAttachments(message),
      embeds: message.flags & MessageFlags.SuppressEmbeds ? [] : message.embeds,
      components: message.components,
      pinned: false,
      flags: message.flags | (message.onlyFor ? MessageFlags.Ephemeral : 0),
      ...(message.nonce !== undefined && { nonce: message.nonce }),
      ...byApplication,
      ...(interaction && { interaction_metadata: interaction.metadata }),
      ...(interaction?.summary && { interaction: interaction.summary }),
      ...(reactions.length > 0 && { reactions: reactions.map((reaction) => reactionSeenBy(viewerId, reaction)) }),
      ...this.#reference(viewerId, message),
    };
  }

  #reference(viewerId: string, { referenceId, channelId }: StoredMessage): Partial<APIMessage> {
    if (!referenceId) return {};
    const channel = findChannel(channelId)!;
    const original = this.find(referenceId);
    const { referenced_message: _, reactions: __, ...basic } = original ? this.seenBy(viewerId, original) : {};
    return {
      message_reference: {
        type: MessageReferenceType.Default,
        channel_id: channelId,
        message_id: referenceId,
        ...(isGuildChannel(channel) && { guild_id: channel.guild_id! }),
      },
      referenced_message: original ? (basic as APIMessage) : null,
    };
  }

  #all(): Generator<StoredMessage> {
    return this.#journal.values<StoredMessage>('message/');
  }

  #save(message: StoredMessage): void {
    this.#journal.put(key(message.id), message);
  }

  #add(start: NewMessage, content: Content, body: MessageBody): StoredMessage {
    const mentions = mentionedUsers(content.content, body.allowed_mentions);
    const message: StoredMessage = {
      ...start,
      ...content,
      id: this.#ids.next(),
      editedAt: null,
      mentions,
      reactions: [],
    };
    this.#save(message);
    this.#announce('MESSAGE_CREATE', message);
    return message;
  }

  #announce(event: 'MESSAGE_CREATE' | 'MESSAGE_UPDATE', message: StoredMessage): void {
    for (const userId of audience(message)) {
      this.#events.emit('people', [userId], { type: 'message', message: this.seenBy(userId, message) });
    }
    const channel = findChannel(message.channelId)!;
    const whole = {
      ...this.seenBy(APPLICATION_ID, message),
      ...guildOf(channel, message),
      ...memberPart(channel, message),
    };
    const readable =
      !isGuildChannel(channel) ||
      message.authorId === APPLICATION_ID ||
      message.mentions.some(({ id }) => id === APPLICATION_ID);
    const bare = { ...whole, content: '', embeds: [], attachments: [], components: [] };
    this.#toBot(event, message, whole, readable ? undefined : bare);
  }

  #changeReactions(message: StoredMessage, event: string, detail: object): void {
    this.#save(message);
    for (const userId of audience(message)) {
      this.#events.emit('people', [userId], { type: 'message', message: this.seenBy(userId, message) });
    }
    const channel = findChannel(message.channelId)!;
    if (!membersOf(channel).includes(APPLICATION_ID)) return;
    const intents = isGuildChannel(channel) ? Intents.GuildMessageReactions : Intents.DirectMessageReactions;
    const place = { channel_id: message.channelId, message_id: message.id, ...guildOf(channel, message) };
    this.#events.emit('bot', { t: event, d: { ...place, ...detail }, intents });
  }

  #toBot(t: string, message: StoredMessage, d: object, withoutContent?: object): void {
    const channel = findChannel(message.channelId)!;
    if (!message.onlyFor && !membersOf(channel).includes(APPLICATION_ID)) return;
    // Ephemeral messages travel as direct messages do, even in a guild's channel.
    const guild = isGuildChannel(channel) && !message.onlyFor;
    const intents = guild ? Intents.GuildMessages : Intents.DirectMessages;
    this.#events.emit('bot', { t, d, intents, ...(withoutContent && { withoutContent }) });
  }
}

const key = (id: string) => `message/${id}`;

export const isSameEmoji = (a: Emoji, b: Emoji): boolean => (a.id ?? a.name) === (b.id ?? b.name);

const audience = ({ onlyFor, channelId }: StoredMessage): string[] =>
  onlyFor ? [onlyFor] : membersOf(findChannel(channelId)!).filter((id) => id !== APPLICATION_ID);

const guildOf = (channel: Channel, { onlyFor }: StoredMessage) =>
  isGuildChannel(channel) && !onlyFor ? { guild_id: channel.guild_id } : {};

function memberPart(channel: Channel, { authorId, interaction, onlyFor }: StoredMessage) {
  if (!isGuildChannel(channel) || interaction || onlyFor) return {};
  const { user: _, ...member } = memberOf(findUser(authorId)!);
  return { member };
}

const whoReacted = (userId: string, emoji: Emoji) => ({ user_id: userId, emoji, burst: false, type: 0 });

const reactionSeenBy = (viewerId: string, { emoji, userIds }: Reaction) => ({
  emoji,
  count: userIds.length,
  count_details: { burst: 0, normal: userIds.length },
  burst_colors: [],
  me_burst: false,
  me: userIds.includes(viewerId),
});
