import {
  type APIDMChannel,
  type APIGuildMember,
  type APITextChannel,
  type APIUser,
  ApplicationFlags,
  ChannelType,
  PermissionFlagsBits,
} from 'discord-api-types/v10';

/** Who and what there is on the local Discord: one application with its bot, one guild, two people, four channels. */
export const APPLICATION_ID = '1100000000000000001';
export const GUILD_ID = '1100000000000000002';
const BOT_ROLE_ID = '1100000000000000003';
export const PICTURES_CHANNEL_ID = '1100000000000000010';
const ROBIN_ID = '1100000000000000101';
const KIM_ID = '1100000000000000102';
const FOUNDED = '2025-01-01T00:00:00.000Z';

/** Bytes that a file may have. */
export const ATTACHMENT_SIZE_LIMIT = 10 * 1024 * 1024;

const NO_FLAGS: number = 0;

const user = (id: string, username: string, displayName: string | null): APIUser => ({
  id,
  username,
  global_name: displayName,
  discriminator: '0',
  avatar: null,
  public_flags: NO_FLAGS,
  flags: NO_FLAGS,
  primary_guild: null,
});

export const BOT: APIUser = { ...user(APPLICATION_ID, 'unCLIP', null), discriminator: '0001', bot: true };
export const PEOPLE: readonly APIUser[] = [user(ROBIN_ID, 'robin', 'Robin'), user(KIM_ID, 'kim', 'Kim')];

export const findUser = (id: string): APIUser | undefined => [BOT, ...PEOPLE].find((user) => user.id === id);

export type Channel = (APITextChannel & { flags: number }) | (APIDMChannel & { flags: number });

const privateChannel = (id: string, ...recipients: APIUser[]): Channel => ({
  id,
  type: ChannelType.DM,
  last_message_id: null,
  flags: NO_FLAGS,
  recipients,
  name: null,
});

const [robin, kim] = PEOPLE as [APIUser, APIUser];

/** Between Robin and Kim the bot is no member: commands work there only if they may be used by user-installed apps. */
export const CHANNELS: readonly Channel[] = [
  {
    id: PICTURES_CHANNEL_ID,
    type: ChannelType.GuildText,
    guild_id: GUILD_ID,
    name: 'pictures',
    topic: 'Pictures drawn by unCLIP',
    position: 0,
    flags: NO_FLAGS,
    last_message_id: null,
    parent_id: null,
    nsfw: false,
    rate_limit_per_user: 0,
    permission_overwrites: [],
  },
  privateChannel('1100000000000000011', robin, BOT),
  privateChannel('1100000000000000012', kim, BOT),
  privateChannel('1100000000000000013', robin, kim),
];

export const findChannel = (id: string): Channel | undefined => CHANNELS.find((channel) => channel.id === id);

export const isGuildChannel = (channel: Channel): channel is APITextChannel & { flags: number } =>
  channel.type === ChannelType.GuildText;

/** Ids of those who can read the channel, the bot too. */
export const membersOf = (channel: Channel): string[] =>
  (isGuildChannel(channel) ? [BOT, ...PEOPLE] : channel.recipients!).map(({ id }) => id);

/** The bot's private channel with a person. */
export const botChannelWith = (userId: string): Channel | undefined =>
  CHANNELS.find((channel) => {
    const members = membersOf(channel);
    return !isGuildChannel(channel) && members.includes(userId) && members.includes(APPLICATION_ID);
  });

/** A private channel as `viewerId` gets it: without themself among the recipients. */
export const channelSeenBy = (viewerId: string, channel: Channel): Channel =>
  isGuildChannel(channel)
    ? channel
    : { ...channel, recipients: channel.recipients!.filter((recipient) => recipient.id !== viewerId) };

const {
  AddReactions,
  AttachFiles,
  EmbedLinks,
  ReadMessageHistory,
  SendMessages,
  SendMessagesInThreads,
  UseApplicationCommands,
  ViewChannel,
} = PermissionFlagsBits;

/**
 * What everybody may do, as in a new server of Discord's, and the bot no more: it can't touch other people's messages
 * and reactions.
 */
export const PERMISSIONS = [
  ...[ViewChannel, SendMessages, SendMessagesInThreads, ReadMessageHistory],
  ...[AttachFiles, EmbedLinks, AddReactions, UseApplicationCommands],
]
  .reduce((sum, flag) => sum | flag, 0n)
  .toString();

export const memberOf = (user: APIUser): APIGuildMember & { banner: null; communication_disabled_until: null } => ({
  user,
  nick: null,
  avatar: null,
  banner: null,
  roles: user.bot ? [BOT_ROLE_ID] : [],
  joined_at: FOUNDED,
  premium_since: null,
  communication_disabled_until: null,
  deaf: false,
  mute: false,
  pending: false,
  flags: NO_FLAGS,
});

const role = (id: string, name: string, position: number, managed: boolean) => ({
  id,
  name,
  permissions: PERMISSIONS,
  position,
  managed,
  color: 0,
  colors: { primary_color: 0, secondary_color: null, tertiary_color: null },
  hoist: false,
  mentionable: false,
  icon: null,
  unicode_emoji: null,
  flags: 0,
  ...(managed && { tags: { bot_id: APPLICATION_ID } }),
});

export const GUILD = {
  id: GUILD_ID,
  name: 'Local Discord',
  icon: null,
  description: null,
  home_header: null,
  splash: null,
  discovery_splash: null,
  features: [],
  banner: null,
  owner_id: ROBIN_ID,
  application_id: null,
  region: 'local',
  afk_channel_id: null,
  afk_timeout: 300,
  system_channel_id: null,
  system_channel_flags: 0,
  widget_enabled: false,
  widget_channel_id: null,
  verification_level: 0,
  roles: [role(GUILD_ID, '@everyone', 0, false), role(BOT_ROLE_ID, BOT.username, 1, true)],
  default_message_notifications: 1,
  mfa_level: 0,
  explicit_content_filter: 0,
  max_presences: null,
  max_members: 100,
  max_stage_video_channel_users: 0,
  max_video_channel_users: 0,
  vanity_url_code: null,
  premium_tier: 0,
  premium_subscription_count: 0,
  preferred_locale: 'en-US',
  rules_channel_id: null,
  safety_alerts_channel_id: null,
  public_updates_channel_id: null,
  premium_progress_bar_enabled: false,
  nsfw: false,
  nsfw_level: 0,
  emojis: [],
  stickers: [],
  incidents_data: null,
};

/** GUILD_CREATE, from which libraries fill their caches. */
export const guildWithMembers = () => ({
  ...GUILD,
  joined_at: FOUNDED,
  large: false,
  unavailable: false,
  member_count: PEOPLE.length + 1,
  members: [BOT, ...PEOPLE].map(memberOf),
  channels: CHANNELS.filter(isGuildChannel),
  threads: [],
  presences: [],
  voice_states: [],
  stage_instances: [],
  guild_scheduled_events: [],
  soundboard_sounds: [],
});

const APPLICATION_FLAGS = ApplicationFlags.GatewayMessageContentLimited;

export const APPLICATION = {
  id: APPLICATION_ID,
  name: BOT.username,
  icon: null,
  description: '',
  type: null,
  flags: APPLICATION_FLAGS as number,
  flags_new: String(APPLICATION_FLAGS),
  bot: BOT,
};

/** The application as its own bot reads it. */
export const PRIVATE_APPLICATION = {
  ...APPLICATION,
  bot_public: false,
  bot_require_code_grant: false,
  integration_types_config: { 0: {}, 1: {} },
  verify_key: '0'.repeat(64),
  redirect_uris: [],
  interactions_endpoint_url: null,
  role_connections_verification_url: null,
  owner: robin,
  approximate_guild_count: 1,
  approximate_user_install_count: PEOPLE.length,
  approximate_user_authorization_count: PEOPLE.length,
  explicit_content_filter: 0,
  team: null,
  eligible_oauth2_scopes: [],
};
