import type { BotEvent } from '../events.ts';

const KEPT_EVENTS = 1000;

interface Dispatch {
  op: 0;
  t: string;
  s: number;
  d: unknown;
}

/** What a bot's connection has been sent: kept for a while when it breaks, so that RESUME brings the rest. */
export class GatewaySession {
  readonly id: string;
  readonly intents: number;
  /** Sends to the connection, while there is one. */
  send: ((dispatch: Dispatch) => void) | undefined;
  #sequence = 0;
  #kept: Dispatch[] = [];
  /** Calls off the session's end, while it waits for a RESUME. */
  keepAlive: (() => void) | undefined;

  constructor(id: string, intents: number, send: (dispatch: Dispatch) => void) {
    this.id = id;
    this.intents = intents;
    this.send = send;
  }

  dispatch(t: string, d: unknown): void {
    this.#sequence += 1;
    const dispatch: Dispatch = { op: 0, t, s: this.#sequence, d };
    this.#kept.push(dispatch);
    if (this.#kept.length > KEPT_EVENTS) this.#kept.shift();
    this.send?.(dispatch);
  }

  /** An event of the channel, if the session asked for its kind. */
  hear({ t, d, intents, withoutContent }: BotEvent, messageContent: number): void {
    if (intents !== 0 && (intents & this.intents) === 0) return;
    this.dispatch(t, withoutContent && !(this.intents & messageContent) ? withoutContent : d);
  }

  /** Sends again what came after `sequence`; false where that is no longer known. */
  replay(sequence: number): boolean {
    const first = this.#kept[0]?.s ?? this.#sequence + 1;
    if (sequence > this.#sequence || sequence < first - 1) return false;
    for (const dispatch of this.#kept.filter(({ s }) => s > sequence)) this.send?.(dispatch);
    return true;
  }
}
