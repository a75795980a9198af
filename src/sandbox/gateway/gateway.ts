import { randomBytes } from 'node:crypto';
import {
  GatewayCloseCodes as Close,
  type GatewayIdentifyData,
  type GatewayResumeData,
  GatewayIntentBits as Intents,
  GatewayOpcodes as Op,
} from 'discord-api-types/v10';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Events } from '../events.ts';
import { APPLICATION, BOT, GUILD_ID, guildWithMembers, PEOPLE } from '../world.ts';
import { GatewaySession } from './session.ts';

const HEARTBEAT_INTERVAL = 41_250;
const RESUMABLE_FOR = 2 * 60_000;
const ALL_INTENTS = Object.values(Intents).reduce<number>((sum, bit) => (typeof bit === 'number' ? sum | bit : sum), 0);

const Payload = z.object({ op: z.int(), d: z.unknown().optional() });
const Identify = z.object({ token: z.string(), intents: z.int(), properties: z.unknown() }) satisfies z.ZodType<
  Pick<GatewayIdentifyData, 'token' | 'intents'>
>;
const Resume = z.object({
  token: z.string(),
  session_id: z.string(),
  seq: z.int(),
}) satisfies z.ZodType<GatewayResumeData>;

/** The bot's WebSocket: JSON, no compression. */
export class Gateway {
  readonly #token: string;
  readonly #url: string;
  readonly #clock: Clock;
  readonly #events: Events;
  readonly #sessions = new Map<string, GatewaySession>();

  /** @param url where connections are resumed, e.g. `ws://127.0.0.1:8000/gateway` */
  constructor(token: string, url: string, clock: Clock, events: Events) {
    this.#token = token;
    this.#url = url;
    this.#clock = clock;
    this.#events = events;
    events.on('bot', (event) => {
      for (const session of this.#sessions.values()) session.hear(event, Intents.MessageContent);
    });
  }

  /** Whether a bot is connected now. */
  get online(): boolean {
    return [...this.#sessions.values()].some(({ send }) => send !== undefined);
  }

  /** Serves one connection until it closes. */
  accept(socket: WebSocket, query: { encoding?: string; compress?: string }): void {
    if ((query.encoding ?? 'json') !== 'json' || query.compress) {
      socket.close(Close.DecodeError, 'Only encoding=json without transport compression is spoken here');
      return;
    }
    let session: GatewaySession | undefined;
    const send = (payload: object) => socket.send(JSON.stringify(payload));
    send({ op: Op.Hello, d: { heartbeat_interval: HEARTBEAT_INTERVAL } });
    socket.on('message', (data) => {
      const payload = parsePayload(String(data));
      if (!payload) return socket.close(Close.DecodeError, 'Error while decoding payload');
      const { op, d } = payload;
      if (op === Op.Heartbeat) return send({ op: Op.HeartbeatAck });
      if (op === Op.Identify || op === Op.Resume) {
        if (session) return socket.close(Close.AlreadyAuthenticated, 'Already authenticated');
        session = op === Op.Identify ? this.#identify(socket, d, send) : this.#resume(socket, d, send);
        return;
      }
      if (!session) return socket.close(Close.NotAuthenticated, 'Not authenticated');
      if (op === Op.RequestGuildMembers) return answerMembers(session, d);
      const known = op === Op.PresenceUpdate || op === Op.VoiceStateUpdate;
      if (!known) socket.close(Close.UnknownOpcode, 'Unknown opcode');
    });
    socket.on('close', (code) => session && this.#lost(session, code));
    socket.on('error', () => socket.terminate());
  }

  #identify(socket: WebSocket, d: unknown, send: (payload: object) => void): GatewaySession | undefined {
    const identify = Identify.safeParse(d);
    if (!identify.success) return close(socket, Close.DecodeError, 'Error while decoding payload');
    const { token, intents } = identify.data;
    if (token !== this.#token) return close(socket, Close.AuthenticationFailed, 'Authentication failed');
    if (intents < 0 || intents & ~ALL_INTENTS) return close(socket, Close.InvalidIntents, 'Invalid intent(s)');
    const session = new GatewaySession(randomBytes(16).toString('hex'), intents, send);
    this.#sessions.set(session.id, session);
    session.dispatch('READY', {
      v: 10,
      user: { ...BOT, verified: true, mfa_enabled: false, email: null },
      guilds: [{ id: GUILD_ID, unavailable: true }],
      session_id: session.id,
      resume_gateway_url: this.#url,
      session_type: 'normal',
      private_channels: [],
      application: { id: APPLICATION.id, flags: APPLICATION.flags },
    });
    if (intents & Intents.Guilds) session.dispatch('GUILD_CREATE', guildWithMembers());
    this.#announce();
    return session;
  }

  #resume(socket: WebSocket, d: unknown, send: (payload: object) => void): GatewaySession | undefined {
    const resume = Resume.safeParse(d);
    if (!resume.success) return close(socket, Close.DecodeError, 'Error while decoding payload');
    const { token, session_id, seq } = resume.data;
    if (token !== this.#token) return close(socket, Close.AuthenticationFailed, 'Authentication failed');
    const session = this.#sessions.get(session_id);
    if (session) session.send = send;
    if (!session?.replay(seq)) {
      if (session) this.#sessions.delete(session_id);
      send({ op: Op.InvalidSession, d: false });
      return undefined;
    }
    session.keepAlive?.();
    session.keepAlive = undefined;
    session.dispatch('RESUMED', {});
    this.#announce();
    return session;
  }

  #lost(session: GatewaySession, code: number): void {
    session.send = undefined;
    const leaves = code === 1000 || code === 1001;
    if (leaves) this.#sessions.delete(session.id);
    else session.keepAlive = this.#clock.setTimeout(() => this.#sessions.delete(session.id), RESUMABLE_FOR);
    this.#announce();
  }

  #announce(): void {
    const everyone = PEOPLE.map(({ id }) => id);
    this.#events.emit('people', everyone, { type: 'bot', online: this.online });
  }
}

function parsePayload(text: string) {
  try {
    return Payload.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function close(socket: WebSocket, code: number, reason: string): undefined {
  socket.close(code, reason);
}

function answerMembers(session: GatewaySession, d: unknown): void {
  const { nonce } = (d ?? {}) as { nonce?: string };
  const { members } = guildWithMembers();
  session.dispatch('GUILD_MEMBERS_CHUNK', { guild_id: GUILD_ID, members, chunk_index: 0, chunk_count: 1, nonce });
}
