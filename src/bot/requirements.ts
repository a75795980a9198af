import { GatewayIntentBits, OAuth2Scopes, Partials, PermissionFlagsBits, PermissionsBitField } from 'discord.js';

/** What the bot listens to; none of it is privileged, so nothing is to be switched on in the developer portal. */
export const INTENTS = [
  GatewayIntentBits.Guilds, // channels and threads, in which reactions are looked up
  GatewayIntentBits.GuildMessageReactions,
  GatewayIntentBits.DirectMessageReactions,
];

/** Reactions on messages, by people and in direct messages that were there before the start. */
export const PARTIALS = [Partials.Message, Partials.Reaction, Partials.User, Partials.Channel];

/**
 * What the bot needs in a server. Commands and buttons work without: by the interaction's right, for its 15 minutes.
 * Reactions, and pictures that took longer, need them.
 */
export const PERMISSIONS = [
  PermissionFlagsBits.ViewChannel,
  PermissionFlagsBits.SendMessages,
  PermissionFlagsBits.SendMessagesInThreads,
  PermissionFlagsBits.AttachFiles,
  PermissionFlagsBits.ReadMessageHistory,
];

/** Where an owner of a server invites the bot. */
export function inviteUrl(applicationId: string): string {
  const url = new URL('https://discord.com/oauth2/authorize');
  url.searchParams.set('client_id', applicationId);
  url.searchParams.set('scope', `${OAuth2Scopes.Bot} ${OAuth2Scopes.ApplicationsCommands}`);
  url.searchParams.set('permissions', PermissionsBitField.resolve(PERMISSIONS).toString());
  return url.href;
}
