import { setTimeout as sleep } from 'node:timers/promises';
import type { REST } from '@discordjs/rest';
import { DiscordAPIError, HTTPError, type RawFile } from '@discordjs/rest';
import { MessageFlags, Routes } from 'discord-api-types/v10';
import type { Logger } from 'pino';
import type { DrawResult, Reply } from '../queue/messages.ts';
import { DEAD_TOKEN_CODES, lostReason, TOO_LARGE_CODE } from './errors.ts';
import { EDIT_INTERVAL } from './limits.ts';
import { type MessageView, messageBody, NO_MENTIONS } from './message-view.ts';
import { errorText } from './views.ts';

/** Time, so that tests can hold it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after `ms`; rejects when `signal` is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<unknown>;
}

const SYSTEM_CLOCK: Clock = { now: Date.now, sleep: (ms, signal) => sleep(ms, undefined, { signal, ref: false }) };

export interface DeliveryOptions {
  reply: Reply;
  rest: Pick<REST, 'patch' | 'post' | 'delete'>;
  logger: Logger;
  clock?: Clock;
}
