import { setTimeout as sleep } from 'node:timers/promises';
import type { REST } from '@discordjs/rest';
import { type APIMessage, ComponentType, MessageFlags, RESTJSONErrorCodes, Routes } from 'discord-api-types/v10';
import type { Logger } from 'pino';
import type { DrawResult, Reply } from '../queue/messages.ts';
import { decodeCustomId } from './custom-id.ts';
import { isCode, isDeadToken, isPassing, isTooLarge, loggable, lossReason } from './errors.ts';
import { EDIT_INTERVAL } from './limits.ts';
import { type MessageView, messageBody, NO_MENTIONS, type ViewFile } from './message-view.ts';
import { mebibytes } from './text.ts';
import { errorText, refused } from './views.ts';

/** Time, so that tests can hold it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Rejects at once when `signal` is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface DeliveryOptions {
  reply: Reply;
  rest: Pick<REST, 'get' | 'patch' | 'post' | 'delete'>;
  log: Logger;
  clock?: Clock;
}

const SYSTEM_CLOCK: Clock = {
  now: Date.now,
  sleep: (ms, signal) => sleep(ms, undefined, signal && { signal }),
};

/** Milliseconds between the tries of a last message while the network or Discord is down: a minute in all. */
const RETRY_DELAYS = [1000, 2000, 4000, 8000, 16_000, 32_000];

/** Milliseconds before its end from which a token counts as dead: an edit begun now must arrive in time. */
const TOKEN_MARGIN = 5000;

/**
 * A job's message on Discord: `progress` as often as you like, then `finish` or `refuse` once.
 * One request at a time, so that a late progress never overwrites the end. Edits go through the interaction's webhook
 * while its token lives, afterwards to the channel with the bot's own token. Ending twice, also from another process,
 * leaves the same message.
 */
export class Delivery {
  readonly #reply: Reply;
  readonly #rest: DeliveryOptions['rest'];
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #ending = new AbortController();
  readonly #lost = new AbortController();
  #tokenDied = false;
  #next: MessageView | undefined;
  #sending: Promise<void> | undefined;
  #editedAt = Number.NEGATIVE_INFINITY;

  constructor({ reply, rest, log, clock = SYSTEM_CLOCK }: DeliveryOptions) {
    this.#reply = reply;
    this.#rest = rest;
    this.#log = log.child({ messageId: reply.messageId });
    this.#clock = clock;
  }

  /** Aborted when the message was deleted or is out of reach: nobody will see the pictures. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * Whether the message shows its end already: a process that was killed between showing it and telling the queue
   * leaves a job that must not be drawn again. A message that can't be read counts as not ended.
   */
  async hasEnded(): Promise<boolean> {
    try {
      return endedMessage(await this.#read());
    } catch (error) {
      this.#log.warn({ err: loggable(error) }, 'the message could not be read');
      return false;
    }
  }

  /** Shows this state soon, or a later one: one edit each 1.5 s. Never throws; without effect after the end. */
  progress(view: MessageView): void {
    if (this.#ending.signal.aborted || this.signal.aborted) return;
    // a view without pictures keeps those of the view that it overtakes
    this.#next = { ...this.#next, ...view };
    this.#sending ??= this.#sendProgress();
  }

  /**
   * Shows the last state. Tries for a minute while the network or Discord is down.
   * @throws Error what Discord answered, when it's a defect of the message; a network error after that minute
   */
  async finish(view: MessageView): Promise<DrawResult> {
    const { attachmentSizeLimit } = this.#reply;
    const large = view.files?.find(({ data }) => data.length > attachmentSizeLimit);
    if (large) return this.refuse(tooLarge([large], attachmentSizeLimit));
    await this.#end();
    try {
      await this.#persist(() => this.#edit(view));
      return { outcome: 'delivered' };
    } catch (error) {
      if (isTooLarge(error) && view.files?.length) return this.refuse(tooLarge(view.files, attachmentSizeLimit));
      return this.#undeliverable(error);
    }
  }

  /**
   * Wrong input: only the person who asked sees the message, and the public one goes away. Once the interaction's
   * token is dead there is nothing ephemeral any more, and the public message says it.
   * @throws as `finish`
   */
  async refuse(message: string): Promise<DrawResult> {
    await this.#end();
    try {
      if (!(await this.#refuseEphemerally(message))) {
        await this.#persist(() => this.#edit(refused({ reply: this.#reply }, message)));
      }
      return { outcome: 'refused', reason: message };
    } catch (error) {
      return this.#undeliverable(error);
    }
  }

  async #sendProgress(): Promise<void> {
    try {
      while (this.#next && !this.#ending.signal.aborted) {
        const wait = this.#editedAt + EDIT_INTERVAL - this.#clock.now();
        if (wait > 0) await this.#clock.sleep(wait, this.#ending.signal);
        const view = this.#next;
        this.#next = undefined;
        this.#editedAt = this.#clock.now();
        await this.#edit(view);
      }
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      if (lossReason(error)) this.#lost.abort();
      else this.#log.warn({ err: loggable(error) }, 'progress could not be shown');
    } finally {
      this.#sending = undefined;
    }
  }

  /** After it no progress is under way or will be. */
  async #end(): Promise<void> {
    this.#ending.abort();
    await this.#sending;
  }

  async #edit(view: MessageView): Promise<void> {
    const { channelId, messageId } = this.#reply;
    const request = { body: messageBody(view), files: view.files?.map(({ name, data }) => ({ name, data })) ?? [] };
    const sent = await this.#withToken((app, token) =>
      this.#rest.patch(Routes.webhookMessage(app, token, messageId), { ...request, auth: false }),
    );
    if (!sent) await this.#rest.patch(Routes.channelMessage(channelId, messageId), request);
  }

  async #read(): Promise<APIMessage> {
    const { channelId, messageId } = this.#reply;
    let message: unknown;
    const read = await this.#withToken(async (app, token) => {
      message = await this.#rest.get(Routes.webhookMessage(app, token, messageId), { auth: false });
    });
    return (read ? message : await this.#rest.get(Routes.channelMessage(channelId, messageId))) as APIMessage;
  }

  async #refuseEphemerally(message: string): Promise<boolean> {
    const body = { content: errorText(message), flags: MessageFlags.Ephemeral, allowed_mentions: NO_MENTIONS };
    const told = await this.#persist(() =>
      this.#withToken((app, token) => this.#rest.post(Routes.webhook(app, token), { body, auth: false })),
    );
    return told && this.#persist(() => this.#withToken((app, token) => this.#deleteReply(app, token)));
  }

  async #deleteReply(app: string, token: string): Promise<void> {
    try {
      await this.#rest.delete(Routes.webhookMessage(app, token, this.#reply.messageId), { auth: false });
    } catch (error) {
      if (!isCode(error, RESTJSONErrorCodes.UnknownMessage)) throw error;
    }
  }

  /** Whether the interaction's token was there, alive, and taken. A dead one is never tried again. */
  async #withToken(request: (applicationId: string, token: string) => Promise<unknown>): Promise<boolean> {
    const { interaction } = this.#reply;
    if (!interaction || !this.#tokenLives()) return false;
    try {
      await request(interaction.applicationId, interaction.token);
      return true;
    } catch (error) {
      if (!isDeadToken(error)) throw error;
      this.#tokenDied = true;
      return false;
    }
  }

  #tokenLives(): boolean {
    const { interaction } = this.#reply;
    return interaction !== undefined && !this.#tokenDied && this.#clock.now() < interaction.expiresAt - TOKEN_MARGIN;
  }

  async #persist<T>(request: () => Promise<T>): Promise<T> {
    for (const delay of RETRY_DELAYS) {
      try {
        return await request();
      } catch (error) {
        if (!isPassing(error)) throw error;
        this.#log.warn({ err: loggable(error), delay }, 'Discord could not be reached, trying again');
        await this.#clock.sleep(delay);
      }
    }
    return request();
  }

  #undeliverable(error: unknown): DrawResult {
    const reason = lossReason(error);
    if (!reason) throw error;
    this.#lost.abort();
    const late = this.#reply.interaction && !this.#tokenLives();
    const why = late ? `${reason}; the interaction's 15 minutes, in which that would not matter, are over` : reason;
    this.#log.warn({ channelId: this.#reply.channelId, reason: why }, 'the message is out of reach');
    return { outcome: 'undeliverable', reason: why };
  }
}

/** Only a message at its end can be deleted with its button; until then it has Cancel. */
function endedMessage({ components = [] }: APIMessage): boolean {
  return components
    .filter((component) => component.type === ComponentType.ActionRow)
    .flatMap((row) => row.components)
    .some((button) => 'custom_id' in button && decodeCustomId(button.custom_id)?.action === 'delete');
}

function tooLarge(files: readonly ViewFile[], limit: number): string {
  const bytes = files.reduce((sum, { data }) => sum + data.length, 0);
  const what = files.length === 1 ? `the picture ${files[0]?.name} has` : `the ${files.length} pictures have`;
  return `${what} ${mebibytes(bytes)}, more than Discord takes here (${mebibytes(limit)} a file): ask for fewer or smaller pictures`;
}
