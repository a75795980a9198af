import * as spec from 'discord-api-spec/zod';
import { RESTJSONErrorCodes as Code } from 'discord-api-types/v10';
import { z } from 'zod/mini';
import { ApiError, missingAccess } from '../api-error.ts';
import type { CommandBody, Commands } from '../commands.ts';
import {
  APPLICATION_ID,
  BOT,
  CHANNELS,
  findUser,
  GUILD,
  GUILD_ID,
  isGuildChannel,
  memberOf,
  PEOPLE,
  PRIVATE_APPLICATION,
} from '../world.ts';
import { Answer, type Call, type Endpoint } from './endpoint.ts';

/** The application's slash commands, global (`/commands`) and the guild's. */
export function commandEndpoints(commands: Commands): Endpoint[] {
  return ['/applications/:application/commands', '/applications/:application/guilds/:guild/commands'].flatMap((path) =>
    commandEndpointsAt(path, commands),
  );
}

function commandEndpointsAt(path: string, commands: Commands): Endpoint[] {
  const response = spec.ApplicationCommandResponseSchema;
  const guildOf = ({ params }: Call<unknown>): string | undefined => {
    if (params.application !== APPLICATION_ID) throw new ApiError(404, Code.UnknownApplication, 'Unknown Application');
    if (params.guild !== undefined && params.guild !== GUILD_ID) throw missingAccess();
    return params.guild;
  };
  const list: Endpoint = {
    method: 'GET',
    path,
    response: z.array(response),
    handle: (call) => commands.list(guildOf(call)),
  };
  const replaceAll: Endpoint<CommandBody[]> = {
    method: 'PUT',
    path,
    request: z.pipe(z.transform(permissionsAsNumbers), z.array(spec.ApplicationCommandUpdateRequestSchema)),
    response: z.array(response),
    handle: (call) => commands.replaceAll(call.body, guildOf(call)),
  };
  const create: Endpoint<CommandBody> = {
    method: 'POST',
    path,
    request: z.pipe(z.transform(permissionsAsNumbers), spec.ApplicationCommandCreateRequestSchema),
    response,
    handle(call) {
      const { command, created } = commands.put(call.body, guildOf(call));
      return created ? new Answer(201, command) : command;
    },
  };
  const get: Endpoint = {
    method: 'GET',
    path: `${path}/:command`,
    response,
    handle: (call) => commands.get(call.params.command!, guildOf(call)),
  };
  const patch: Endpoint<Partial<CommandBody>> = {
    method: 'PATCH',
    path: `${path}/:command`,
    request: z.pipe(z.transform(permissionsAsNumbers), spec.ApplicationCommandPatchRequestPartialSchema),
    response,
    handle: (call) => commands.patch(call.params.command!, call.body, guildOf(call)),
  };
  const remove: Endpoint = {
    method: 'DELETE',
    path: `${path}/:command`,
    handle: (call) => commands.delete(call.params.command!, guildOf(call)),
  };
  return [list, replaceAll, create, get, patch, remove] as Endpoint[];
}

/** Discord takes a command's permissions as decimal text too, which all libraries send and its schema doesn't say. */
function permissionsAsNumbers(body: unknown): unknown {
  if (Array.isArray(body)) return body.map(permissionsAsNumbers);
  const permissions = (body as { default_member_permissions?: unknown } | null)?.default_member_permissions;
  if (typeof permissions !== 'string' || !/^\d+$/.test(permissions)) return body;
  return { ...(body as object), default_member_permissions: Number(permissions) };
}

/** Who the bot is, where it connects to, and the guild it's in. */
export function identityEndpoints(gatewayUrl: string): Endpoint[] {
  const ownApplication = {
    method: 'GET',
    response: spec.PrivateApplicationResponseSchema,
    handle: () => PRIVATE_APPLICATION,
  } as const;
  const inGuild = (answer: (call: Call<never>) => unknown) => (call: Call<never>) => {
    if (call.params.guild !== GUILD_ID) throw new ApiError(404, Code.UnknownGuild, 'Unknown Guild');
    return answer(call);
  };
  const known = (id: string | undefined) => {
    const user = id && findUser(id);
    if (!user) throw new ApiError(404, Code.UnknownUser, 'Unknown User');
    return user;
  };
  const session_start_limit = { total: 1000, remaining: 1000, reset_after: 0, max_concurrency: 1 };
  const users = [BOT, ...PEOPLE];
  return [
    { ...ownApplication, path: '/applications/@me' },
    { ...ownApplication, path: '/oauth2/applications/@me' },
    {
      method: 'GET',
      path: '/gateway',
      response: spec.GatewayResponseSchema,
      tokenInPath: true,
      handle: () => ({ url: gatewayUrl }),
    },
    {
      method: 'GET',
      path: '/gateway/bot',
      response: spec.GatewayBotResponseSchema,
      handle: () => ({ url: gatewayUrl, shards: 1, session_start_limit }),
    },
    {
      method: 'GET',
      path: '/users/@me',
      response: spec.UserPIIResponseSchema,
      handle: () => ({ ...BOT, mfa_enabled: false, locale: 'en-US', verified: true, email: null }),
    },
    {
      method: 'GET',
      path: '/users/:user',
      response: spec.UserResponseSchema,
      handle: ({ params }) => known(params.user),
    },
    {
      method: 'GET',
      path: '/applications/:application/emojis',
      response: spec.ListApplicationEmojisResponseSchema,
      handle: () => ({ items: [] }),
    },
    {
      method: 'GET',
      path: '/guilds/:guild',
      response: spec.GuildWithCountsResponseSchema,
      handle: inGuild(({ query }) => ({
        ...GUILD,
        ...(query.with_counts === 'true' && {
          approximate_member_count: users.length,
          approximate_presence_count: users.length,
        }),
      })),
    },
    {
      method: 'GET',
      path: '/guilds/:guild/channels',
      response: z.array(spec.GuildChannelResponseSchema),
      handle: inGuild(() => CHANNELS.filter(isGuildChannel)),
    },
    {
      method: 'GET',
      path: '/guilds/:guild/roles',
      response: z.array(spec.GuildRoleResponseSchema),
      handle: inGuild(() => GUILD.roles),
    },
    {
      method: 'GET',
      path: '/guilds/:guild/emojis',
      response: z.array(spec.EmojiResponseSchema),
      handle: inGuild(() => GUILD.emojis),
    },
    {
      method: 'GET',
      path: '/guilds/:guild/members',
      response: z.array(spec.GuildMemberResponseSchema),
      handle: inGuild(({ query }) => users.slice(0, Number(query.limit ?? 1)).map(memberOf)),
    },
    {
      method: 'GET',
      path: '/guilds/:guild/members/:user',
      response: spec.GuildMemberResponseSchema,
      handle: inGuild(({ params }) => memberOf(known(params.user))),
    },
  ];
}
