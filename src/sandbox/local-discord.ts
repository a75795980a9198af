import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import multipart from '@fastify/multipart';
import websocket from '@fastify/websocket';
import fastify from 'fastify';
import { InputError } from '../errors.ts';
import { Attachments } from './attachments.ts';
import { type Clock, systemClock } from './clock.ts';
import { Commands } from './commands.ts';
import { Events } from './events.ts';
import { FileStore } from './file-store.ts';
import { Gateway } from './gateway/gateway.ts';
import { Interactions } from './interactions.ts';
import { Journal } from './journal.ts';
import { Messages } from './messages.ts';
import type { PageUpdate } from './page-protocol.ts';
import { servePage } from './page-socket.ts';
import { forgetOldUploads, Person } from './people.ts';
import { commandEndpoints, identityEndpoints } from './rest/applications.ts';
import { channelEndpoints, messageEndpoints, reactionEndpoints } from './rest/channels.ts';
import { interactionEndpoints } from './rest/interactions.ts';
import { RateLimits } from './rest/rate-limits.ts';
import { serveEndpoints } from './rest/rest.ts';
import { refuseForeign } from './same-origin.ts';
import { Snowflakes } from './snowflakes.ts';
import { builtPageDir, serveAttachments, servePageFiles, serveUploads } from './web.ts';
import { APPLICATION_ID, BOT, findUser, GUILD_ID, PEOPLE, PICTURES_CHANNEL_ID } from './world.ts';

const HOST = '127.0.0.1';
/** Interaction tokens and percent-encoded emoji are longer than the router's default of 100. */
const MAX_PARAMETER = 500;

export interface LocalDiscordOptions {
  /** Port on 127.0.0.1; 0, the default, lets the system choose one. */
  port?: number;
  /** Folder that keeps messages, attachments, commands and the bot's token over a restart; without it all is in memory. */
  dataDir?: string;
  /** Folder of the built web page; default `dist/sandbox-page` of this package. */
  pageDir?: string;
  /** Source of time for expiry and rate limits. */
  clock?: Clock;
}

export interface LocalDiscord {
  /** The web page with the channel, e.g. `http://127.0.0.1:8000/`. */
  url: string;
  /** For discord.js as `rest.api`, and as DISCORD_API_URL, e.g. `http://127.0.0.1:8000/api`. */
  apiUrl: string;
  /** The bot's token. */
  token: string;
  applicationId: string;
  guildId: string;
  /** The text channel #pictures. */
  channelId: string;
  /** Who uses the page: Robin, who founded the server, and Kim. What they do there can be done here too. */
  people: { robin: Person; kim: Person };
  close(): Promise<void>;
}

export class PortTakenError extends InputError {
  override name = 'PortTakenError';
}

/**
 * Starts a Discord of one's own on 127.0.0.1: REST, gateway, attachments and a web page with a channel,
 * good enough that discord.js works against it unchanged.
 * Throws PortTakenError where another program has the port, InputError where the data folder can't be used.
 */
export async function startLocalDiscord(options: LocalDiscordOptions = {}): Promise<LocalDiscord> {
  const { dataDir, clock = systemClock, pageDir = builtPageDir() } = options;
  const server = createServer();
  const port = await listen(server, options.port ?? 0);
  const origin = `http://${HOST}:${port}`;
  const events = new Events().setMaxListeners(0);
  const ids = new Snowflakes(clock);
  const { journal, files } = await openData(dataDir, origin).catch((error) => {
    server.close();
    throw error;
  });
  const attachments = new Attachments(files, origin, ids);
  const messages = new Messages(journal, attachments, clock, ids, events);
  const commands = new Commands(journal, ids, events);
  const interactions = new Interactions(journal, messages, clock, ids, events);
  const token = botToken(journal);
  const gatewayUrl = `ws://${HOST}:${port}/gateway`;
  const gateway = new Gateway(token, gatewayUrl, clock, events);
  const parts = { journal, messages, commands, interactions, attachments, events };
  const people = new Map(PEOPLE.map(({ id }) => [id, new Person(id, parts)]));
  await forgetOldUploads(parts, clock.now());

  const app = fastify({
    serverFactory: (handler) => server.on('request', handler),
    logger: { level: 'error' },
    routerOptions: { maxParamLength: MAX_PARAMETER },
  });
  refuseForeign(app, () => [`${HOST}:${port}`, `localhost:${port}`]);
  // one address for the page: at localhost its policy would refuse the pictures, whose addresses begin with ours
  app.addHook('onRequest', async ({ method, url, headers }, reply) => {
    const isPage = method === 'GET' && url.split('?')[0] === '/';
    if (isPage && headers.host?.toLowerCase() === `localhost:${port}`) return reply.redirect(`${origin}${url}`);
  });
  await app.register(multipart);
  await app.register(websocket, { options: { maxPayload: 1024 * 1024 } });
  const endpoints = [
    ...identityEndpoints(gatewayUrl),
    ...commandEndpoints(commands),
    ...channelEndpoints(events),
    ...messageEndpoints(messages),
    ...reactionEndpoints(messages),
    ...interactionEndpoints(interactions, messages),
  ];
  const limits = new RateLimits(clock);
  for (const prefix of ['/api/v10', '/api']) {
    app.register(async (api) => serveEndpoints(api, endpoints, token, limits), { prefix });
  }
  await app.register(async (sockets) => {
    for (const path of ['/gateway', '/gateway/']) {
      sockets.get(path, { websocket: true }, (socket, { query }) => gateway.accept(socket, query as object));
    }
    sockets.get<{ Querystring: { user?: string } }>('/page/socket', { websocket: true }, (socket, { query }) => {
      const person = people.get(query.user ?? PEOPLE[0]!.id) ?? people.get(PEOPLE[0]!.id)!;
      servePage(socket, person, ready(person, gateway));
    });
  });
  serveAttachments(app, files);
  serveUploads(app, people);
  await servePageFiles(app, pageDir);
  await app.ready();

  const [robin, kim] = [...people.values()] as [Person, Person];
  return {
    url: `${origin}/`,
    apiUrl: `${origin}/api`,
    token,
    applicationId: APPLICATION_ID,
    guildId: GUILD_ID,
    channelId: PICTURES_CHANNEL_ID,
    people: { robin, kim },
    async close() {
      await app.close();
      server.close();
      server.closeAllConnections();
      await journal.flushed();
    },
  };
}

function ready(person: Person, gateway: Gateway): PageUpdate {
  const channels = person.channels();
  return {
    type: 'ready',
    user: findUser(person.id)!,
    people: PEOPLE,
    bot: BOT,
    botOnline: gateway.online,
    channels,
    messages: channels.flatMap(({ id }) => person.messages(id).slice(-100)),
  };
}

async function openData(dataDir: string | undefined, origin: string) {
  try {
    return { journal: await Journal.open(dataDir, origin), files: await FileStore.open(dataDir) };
  } catch (error) {
    throw new InputError(`The local Discord can't keep its data in ${dataDir}: ${(error as Error).message}`);
  }
}

/** In the form of Discord's own: application id, time, secret. */
function botToken(journal: Journal): string {
  const known = journal.records.get('token');
  if (typeof known === 'string') return known;
  const base64 = (text: string) => Buffer.from(text).toString('base64url');
  const token = `${base64(APPLICATION_ID)}.${randomBytes(4).toString('base64url')}.${randomBytes(28).toString('base64url')}`;
  journal.put('token', token);
  return token;
}

/** Listens before there is anything to serve: the port must be known before the first URL is made. */
function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', ({ code, message }: NodeJS.ErrnoException) => {
      const problem = `The local Discord can't listen on ${HOST}:${port}`;
      if (code !== 'EADDRINUSE') return reject(new InputError(`${problem}: ${message}`));
      reject(new PortTakenError(`${problem}: another program listens there; LOCAL_DISCORD_PORT names another port`));
    });
    server.listen(port, HOST, () => resolve((server.address() as AddressInfo).port));
  });
}
