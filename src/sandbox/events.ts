import { EventEmitter } from 'node:events';
import type { PageUpdate } from './page-protocol.ts';

/** What the bot's gateway connections hear of. */
export interface BotEvent {
  t: string;
  d: object;
  /** One of these intents is needed; 0: nobody has to ask for it. */
  intents: number;
  /** Sent in place of `d` to connections without the MessageContent intent. */
  withoutContent?: object;
}

/** Carries what happens to the gateway (`bot`) and to the open pages of the people named (`people`). */
export class Events extends EventEmitter<{
  bot: [BotEvent];
  people: [userIds: readonly string[], update: PageUpdate];
}> {}
