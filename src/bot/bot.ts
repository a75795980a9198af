import { ActivityType, Client, Events, Options } from 'discord.js';
import type { Logger } from 'pino';
import { type Config, DISCORD_API_URL } from '../config.ts';
import { loggable } from '../discord/errors.ts';
import { NO_MENTIONS } from '../discord/message-view.ts';
import { openDrawQueue } from '../queue/draw-queue.ts';
import { answer, react } from './answer.ts';
import { commands } from './commands/index.ts';
import { RecentPrompts } from './commands/recent-prompts.ts';
import { applicationOf, type Rest, registerCommands, registeredCommands } from './commands/register.ts';
import type { BotContext } from './context.ts';
import { INTENTS, inviteUrl, PARTIALS } from './requirements.ts';

export type BotConfig = Config & { readonly discordToken: string };

export interface Bot {
  /** Takes nothing new, lets the handlers that are at work end, leaves Discord and the queue. */
  close(): Promise<void>;
}

/**
 * Starts the gateway side: interactions and reactions in, jobs out. Resolves once Discord has the bot online.
 * @throws InputError when Discord refuses the token or can't be reached, or the queue can't be reached
 */
export async function startBot(config: BotConfig, { log }: { log: Logger }): Promise<Bot> {
  const queue = await openDrawQueue(config, { log });
  const context: BotContext = { queue, recentPrompts: new RecentPrompts(), log };
  const client = createClient(config);
  const running = new Set<Promise<void>>();
  const run = (handling: Promise<void>) => {
    running.add(handling);
    void handling.finally(() => running.delete(handling));
  };
  client.on(Events.InteractionCreate, (interaction) => run(answer(interaction, context)));
  client.on(Events.MessageReactionAdd, (reaction, user) => run(react(reaction, user, context)));

  const close = async () => {
    client.removeAllListeners(Events.InteractionCreate).removeAllListeners(Events.MessageReactionAdd);
    await Promise.all(running);
    await client.destroy();
    await queue.close();
  };
  try {
    await goOnline(client, config, log);
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}

function createClient({ discordApiUrl }: BotConfig): Client {
  return new Client({
    intents: INTENTS,
    partials: PARTIALS,
    rest: { api: discordApiUrl },
    allowedMentions: NO_MENTIONS,
    // pictures are put into messages by the engine: a remembered message would be one without them
    makeCache: Options.cacheWithLimits({ ...Options.DefaultMakeCacheSettings, MessageManager: 0 }),
    presence: { activities: [{ type: ActivityType.Listening, name: '/imagine' }] },
  });
}

async function goOnline(client: Client, config: BotConfig, log: Logger): Promise<void> {
  client.on(Events.Error, (error) => log.error({ err: loggable(error) }, 'gateway error'));
  client.on(Events.ShardDisconnect, ({ code }) => {
    // the token was changed or there are too many shards: nothing that this process could wait for
    throw new Error(`Discord closed the gateway for good, with code ${code}`);
  });
  client.rest.setToken(config.discordToken);
  const { id } = await applicationOf(client.rest);
  const ready = new Promise((resolve) => client.once(Events.ClientReady, resolve));
  await client.login(config.discordToken);
  await ready;
  await offerCommands(client.rest, id, config, log);
  // nobody needs an invitation to a stand-in
  const invite = isStandIn(config) ? undefined : inviteUrl(id);
  log.info({ user: client.user?.tag, invite }, 'the bot is on Discord');
}

const isStandIn = ({ discordApiUrl }: BotConfig) => discordApiUrl !== DISCORD_API_URL;

/**
 * A stand-in for Discord gets our commands at every start, and everywhere: DISCORD_GUILD_ID is a server of Discord's.
 * Discord itself gets them only when it has none of us yet. Otherwise registering is left to deploy-commands: an older
 * bot that is started again must not take back newer commands.
 */
async function offerCommands(rest: Rest, applicationId: string, config: BotConfig, log: Logger): Promise<void> {
  const standIn = isStandIn(config);
  const guildId = standIn ? undefined : config.discordGuildId;
  const known = await registeredCommands(rest, applicationId, guildId);
  const missing = [...commands.keys()].filter((name) => !known.includes(name));
  if (standIn || known.length === 0) {
    const registered = await registerCommands(rest, applicationId, guildId);
    log[standIn ? 'debug' : 'info']({ commands: registered }, 'commands registered');
  } else if (missing.length > 0) {
    log.warn({ missing }, 'Discord lacks commands of this version: run `npm run deploy-commands`');
  }
}
