import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type APIApplicationCommand,
  type APIComponentInContainer,
  type APIComponentInMessageActionRow,
  type APIMessage,
  Routes,
} from 'discord-api-types/v10';
import { pino } from 'pino';
import { expect, vi } from 'vitest';
import { WebSocket } from 'ws';
import { type Bot, startBot } from '../../src/bot/bot.ts';
import { parseConfig } from '../../src/config.ts';
import { Delivery } from '../../src/discord/delivery.ts';
import { createRest } from '../../src/discord/rest.ts';
import { finished } from '../../src/discord/views.ts';
import { type DrawWorker, startDrawWorker } from '../../src/queue/draw-worker.ts';
import type { DrawJob } from '../../src/queue/messages.ts';
import { type LocalDiscord, startLocalDiscord } from '../../src/sandbox/local-discord.ts';
import type { PageUpdate } from '../../src/sandbox/page-protocol.ts';
import type { Person } from '../../src/sandbox/people.ts';

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

export type Values = Record<string, string | number>;

/** The real bot and queue in a local Discord; drawing is up to the test. */
export class Channel {
  readonly discord: LocalDiscord;
  /** Lines. */
  readonly logged: string[] = [];
  readonly log = pino({ level: 'debug' }, { write: (line: string) => void this.logged.push(line) });
  /** Jobs in the order in which an engine would take them. */
  readonly jobs: DrawJob[] = [];
  readonly #dataDir: string;
  #bot: Bot | undefined;
  #worker: DrawWorker | undefined;

  private constructor(discord: LocalDiscord, dataDir: string) {
    this.discord = discord;
    this.#dataDir = dataDir;
  }

  static async open(): Promise<Channel> {
    const channel = new Channel(await startLocalDiscord(), await mkdtemp(join(tmpdir(), 'unclip-bot-')));
    await channel.startBot();
    return channel;
  }

  get config() {
    const { token, apiUrl } = this.discord;
    const env = { DISCORD_TOKEN: token, DISCORD_API_URL: apiUrl, DATA_DIR: this.#dataDir };
    // a server of Discord's, left in .env
    const config = parseConfig({ ...env, DISCORD_GUILD_ID: '123456789012345678' });
    return { ...config, discordToken: token };
  }

  get #rest() {
    return createRest(this.discord);
  }

  async startBot(): Promise<void> {
    this.#bot = await startBot(this.config, this);
  }

  async stopBot(): Promise<void> {
    await this.#bot?.close();
    this.#bot = undefined;
  }

  /** From now on jobs are taken as they come. */
  async takeJobs(): Promise<void> {
    this.#worker = await startDrawWorker(
      this.config,
      async (job) => {
        this.jobs.push(job);
        return { outcome: 'delivered' };
      },
      { concurrency: 1, onGivenUp: async () => {}, log: this.log },
    );
  }

  async nextJob(): Promise<DrawJob> {
    await vi.waitFor(() => expect(this.jobs).not.toHaveLength(0), 5000);
    return this.jobs.shift()!;
  }

  /** What an engine does at the end. */
  async finish(job: DrawJob, count = 4): Promise<void> {
    const delivery = new Delivery({ reply: job.reply, rest: this.#rest, log: this.log });
    const [first, ...others] = Array.from({ length: count }, (_, i) => ({
      data: PNG,
      recipe: {
        version: 1 as const,
        operation: 'imagine' as const,
        prompt: 'red heart',
        seed: i,
        steps: 20,
        guidanceScale: 3,
        priorGuidanceScale: 3,
        sampler: 'ddim' as const,
        model: 'v0',
      },
    }));
    expect(await delivery.finish(finished(job, [first!, ...others], 1))).toEqual({ outcome: 'delivered' });
  }

  async command(person: Person, name: string, values: Values, channelId = this.discord.channelId): Promise<void> {
    const { id: commandId } = await this.#registered(name);
    person.command({ channelId, commandId, path: [], values });
  }

  async #registered(name: string): Promise<APIApplicationCommand> {
    const known = await this.#rest.get(Routes.applicationCommands(this.discord.applicationId));
    return (known as APIApplicationCommand[]).find((command) => command.name === name)!;
  }

  /** What autocomplete offers for the prompt typed so far. */
  async choices(person: Person, prompt: string): Promise<string[]> {
    const socket = new WebSocket(`${this.discord.url.replace('http', 'ws')}page/socket?user=${person.id}`);
    try {
      await once(socket, 'open');
      const offered = new Promise<string[]>((resolve) => {
        socket.on('message', (data) => {
          const update = JSON.parse(String(data)) as PageUpdate;
          if (update.type === 'choices') resolve(update.choices.map(({ value }) => String(value)));
        });
      });
      const { id: commandId } = await this.#registered('imagine');
      const channelId = this.discord.channelId;
      person.autocomplete({ channelId, commandId, path: [], values: { prompt }, focused: 'prompt' });
      return await offered;
    } finally {
      socket.close();
    }
  }

  press(person: Person, message: APIMessage, label: string): string {
    const button = message.components
      ?.flatMap((row): (APIComponentInContainer | APIComponentInMessageActionRow)[] =>
        'components' in row ? row.components : [],
      )
      .find((component) => 'label' in component && component.label === label);
    if (!button || !('custom_id' in button)) throw new Error(`no button ${label} on: ${message.content}`);
    return person.component({ messageId: message.id, customId: button.custom_id });
  }

  /** The form that the bot opens for a person who does something. */
  async form(person: Person, act: () => void) {
    const updates: PageUpdate[] = [];
    person.listen((update) => updates.push(update));
    act();
    return vi.waitFor(() => {
      const form = updates.find((update) => update.type === 'modal');
      if (form?.type !== 'modal') throw new Error('no form');
      return form;
    }, 5000);
  }

  /** The newest message that a person sees, once it is as wanted. */
  async newest(person: Person, wanted: Partial<APIMessage> | RegExp, channelId = this.discord.channelId) {
    return vi.waitFor(() => {
      const message = person.messages(channelId).at(-1)!;
      if (wanted instanceof RegExp) expect(message?.content).toMatch(wanted);
      else expect(message).toMatchObject(wanted);
      return message;
    }, 5000);
  }

  async close(): Promise<void> {
    await this.stopBot();
    await this.#worker?.close();
    await this.discord.close();
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}
