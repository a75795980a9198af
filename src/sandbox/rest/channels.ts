import * as spec from 'discord-api-spec/zod';
import { RESTJSONErrorCodes as Code, MessageType, type RESTPostAPIChannelMessageJSONBody } from 'discord-api-types/v10';
import { z } from 'zod/mini';
import { ApiError, invalidForm, missingAccess, missingPermissions, unknownChannel } from '../api-error.ts';
import type { Events } from '../events.ts';
import type { MessageBody } from '../message-body.ts';
import { type Emoji, isSameEmoji, type Messages, type StoredMessage } from '../messages.ts';
import {
  APPLICATION_ID,
  BOT,
  botChannelWith,
  type Channel,
  channelSeenBy,
  findChannel,
  findUser,
  membersOf,
} from '../world.ts';
import type { Call, Endpoint } from './endpoint.ts';
import { LIMITS } from './rate-limits.ts';

const ChannelResponse = z.union([spec.GuildChannelResponseSchema, spec.PrivateChannelResponseSchema]);
const UNICODE_EMOJI = /^(\p{Emoji_Presentation}|\p{Emoji}\uFE0F?|\p{RI}{2})/u;

/** The channel, if the bot may read it. Throws 10003, or 50001 where it's no member. */
function channelOf({ params }: Call<unknown>): Channel {
  const channel = findChannel(params.channel!);
  if (!channel) throw unknownChannel();
  if (!membersOf(channel).includes(APPLICATION_ID)) throw missingAccess();
  return channel;
}

/** A number of the query within its bounds. Throws 50035. */
function limitOf({ query }: Call<unknown>, usual: number, max: number): number {
  const limit = Number(query.limit ?? usual);
  if (Number.isInteger(limit) && limit >= 1 && limit <= max) return limit;
  throw invalidForm([
    { path: ['limit'], code: 'NUMBER_TYPE_OUT_OF_RANGE', message: `int value should be between 1 and ${max}.` },
  ]);
}

function emojiOf({ params }: Call<unknown>): Emoji {
  const name = params.emoji!;
  if (UNICODE_EMOJI.test(name)) return { id: null, name };
  throw new ApiError(400, Code.UnknownEmoji, 'Unknown Emoji');
}

/** Messages of a channel. */
export function messageEndpoints(messages: Messages): Endpoint[] {
  const path = '/channels/:channel/messages';
  const limitedBy = ['channel'];
  const answer = (message: StoredMessage) => messages.seenBy(APPLICATION_ID, message);
  const messageOf = (call: Call<unknown>) => messages.getPublic(call.params.message!, channelOf(call).id);

  const list: Endpoint = {
    method: 'GET',
    path,
    response: z.array(spec.MessageResponseSchema),
    handle(call) {
      const limit = limitOf(call, 50, 100);
      const all = messages.list(channelOf(call).id, APPLICATION_ID).reverse();
      return page(all, call.query, limit).map(answer);
    },
  };
  const get: Endpoint = {
    method: 'GET',
    path: `${path}/:message`,
    response: spec.MessageResponseSchema,
    handle: (call) => answer(messageOf(call)),
  };
  const create: Endpoint<RESTPostAPIChannelMessageJSONBody> = {
    method: 'POST',
    path,
    limit: LIMITS.createMessage,
    limitedBy,
    request: spec.MessageCreateRequestSchema,
    response: spec.MessageResponseSchema,
    async handle(call) {
      const channel = channelOf(call);
      const { message_reference: reference, nonce } = call.body;
      const original = reference?.message_id ? messages.find(reference.message_id) : undefined;
      if (reference && !original && reference.fail_if_not_exists !== false) {
        const message = 'Unknown message';
        throw invalidForm([{ path: ['message_reference'], code: 'REPLIES_UNKNOWN_MESSAGE', message }]);
      }
      const start = {
        channelId: channel.id,
        authorId: BOT.id,
        type: original ? MessageType.Reply : MessageType.Default,
        ...(original && { referenceId: original.id }),
        ...(nonce != null && { nonce }),
      };
      return answer(await messages.create(start, call.body as MessageBody, call.uploads));
    },
  };
  const edit: Endpoint<MessageBody> = {
    method: 'PATCH',
    path: `${path}/:message`,
    limit: LIMITS.editMessage,
    limitedBy,
    request: spec.MessageEditRequestPartialSchema,
    response: spec.MessageResponseSchema,
    async handle(call) {
      const message = messageOf(call);
      if (message.authorId !== APPLICATION_ID) {
        throw new ApiError(
          403,
          Code.CannotEditMessageAuthoredByAnotherUser,
          'Cannot edit a message authored by another user',
        );
      }
      return answer(await messages.edit(message, call.body, call.uploads));
    },
  };
  const remove: Endpoint = {
    method: 'DELETE',
    path: `${path}/:message`,
    limit: LIMITS.deleteMessage,
    limitedBy,
    handle(call) {
      const message = messageOf(call);
      if (message.authorId !== APPLICATION_ID) return needsManageMessages(call);
      return messages.delete(message);
    },
  };
  const removeMany: Endpoint = { method: 'POST', path: `${path}/bulk-delete`, handle: needsManageMessages };
  return [list, get, create, edit, remove, removeMany] as Endpoint[];
}

/** Reactions to a message. */
export function reactionEndpoints(messages: Messages): Endpoint[] {
  const path = '/channels/:channel/messages/:message/reactions';
  const limited = { limit: LIMITS.react, limitedBy: ['channel'] };
  const messageOf = (call: Call<unknown>) => messages.getPublic(call.params.message!, channelOf(call).id);
  return [
    {
      method: 'PUT',
      path: `${path}/:emoji/@me`,
      ...limited,
      handle: (call) => messages.react(messageOf(call), APPLICATION_ID, emojiOf(call)),
    },
    {
      method: 'DELETE',
      path: `${path}/:emoji/@me`,
      ...limited,
      handle: (call) => messages.unreact(messageOf(call), APPLICATION_ID, emojiOf(call)),
    },
    { method: 'DELETE', path: `${path}/:emoji/:user`, handle: needsManageMessages },
    { method: 'DELETE', path: `${path}/:emoji`, handle: needsManageMessages },
    { method: 'DELETE', path, handle: needsManageMessages },
    {
      method: 'GET',
      path: `${path}/:emoji`,
      response: z.array(spec.UserResponseSchema),
      handle(call) {
        const limit = limitOf(call, 25, 100);
        const reaction = messageOf(call).reactions.find(({ emoji }) => isSameEmoji(emoji, emojiOf(call)));
        return (reaction?.userIds ?? []).slice(0, limit).map(findUser);
      },
    },
  ];
}

/** Channels themselves. */
export function channelEndpoints(events: Events): Endpoint[] {
  const get: Endpoint = {
    method: 'GET',
    path: '/channels/:channel',
    response: ChannelResponse,
    handle: (call) => channelSeenBy(APPLICATION_ID, channelOf(call)),
  };
  const openPrivate: Endpoint<{ recipient_id: string }> = {
    method: 'POST',
    path: '/users/@me/channels',
    request: spec.CreatePrivateChannelRequestSchema,
    response: spec.PrivateChannelResponseSchema,
    handle({ body }) {
      const channel = botChannelWith(body.recipient_id);
      if (!channel) throw new ApiError(400, Code.CannotSendMessagesToThisUser, 'Cannot send messages to this user');
      return channelSeenBy(APPLICATION_ID, channel);
    },
  };
  const typing: Endpoint = {
    method: 'POST',
    path: '/channels/:channel/typing',
    limit: LIMITS.typing,
    limitedBy: ['channel'],
    handle(call) {
      const channel = channelOf(call);
      events.emit('people', membersOf(channel), { type: 'typing', channelId: channel.id, user: BOT });
    },
  };
  return [get, openPrivate, typing] as Endpoint[];
}

/** Other people's messages and reactions: the bot may not manage them. Throws 50013, or what `channelOf` throws. */
function needsManageMessages(call: Call<unknown>): never {
  channelOf(call);
  throw missingPermissions();
}

/** @param newestFirst all messages of the channel. Throws 50035 for a query that names no id. */
function page(newestFirst: StoredMessage[], query: Record<string, string | undefined>, limit: number): StoredMessage[] {
  const { before, after, around } = query;
  for (const [name, id] of Object.entries({ before, after, around })) {
    if (id === undefined || /^\d+$/.test(id)) continue;
    throw invalidForm([{ path: [name], code: 'NUMBER_TYPE_COERCE', message: `Value "${id}" is not snowflake.` }]);
  }
  const isOlder = (than: string) => (message: StoredMessage) => BigInt(message.id) < BigInt(than);
  const isNewer = (than: string) => (message: StoredMessage) => BigInt(message.id) > BigInt(than);
  if (before) return newestFirst.filter(isOlder(before)).slice(0, limit);
  if (after) return newestFirst.filter(isNewer(after)).slice(-limit);
  if (!around) return newestFirst.slice(0, limit);
  const middle = newestFirst.findIndex(({ id }) => BigInt(id) <= BigInt(around));
  const start = Math.max(0, (middle < 0 ? newestFirst.length : middle) - Math.floor(limit / 2));
  return newestFirst.slice(start, start + limit);
}
