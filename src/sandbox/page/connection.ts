import type { PageAction, PageUpdate } from '../page-protocol.ts';

const RECONNECT_AFTER = 1000;

interface Waiting {
  resolve: (result: never) => void;
  reject: (reason: Error) => void;
}

/** The socket to the local Discord: updates in, actions out; opened again when it breaks. */
export class Connection {
  readonly userId: string;
  readonly #onUpdate: (update: PageUpdate) => void;
  readonly #onConnected: (connected: boolean) => void;
  readonly #waiting = new Map<number, Waiting>();
  #socket: WebSocket | undefined;
  #last = 0;
  #closed = false;

  /** @param userId whose client this is; empty: the first person */
  constructor(userId: string, onUpdate: (update: PageUpdate) => void, onConnected: (connected: boolean) => void) {
    this.userId = userId;
    this.#onUpdate = onUpdate;
    this.#onConnected = onConnected;
    this.#open();
  }

  /** Rejects with the reason why it can't be done. */
  act<T = unknown>(action: PageAction): Promise<T> {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return Promise.reject(new Error('The local Discord is not reachable'));
    this.#last += 1;
    const request = this.#last;
    socket.send(JSON.stringify({ request, action }));
    return new Promise<T>((resolve, reject) => this.#waiting.set(request, { resolve, reject }));
  }

  close(): void {
    this.#closed = true;
    this.#socket?.close();
  }

  #open(): void {
    const url = new URL('page/socket', location.href);
    url.protocol = 'ws:';
    if (this.userId) url.searchParams.set('user', this.userId);
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.addEventListener('open', () => this.#onConnected(true));
    socket.addEventListener('message', ({ data }) => this.#receive(JSON.parse(data)));
    socket.addEventListener('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('The local Discord is not reachable'));
      this.#waiting.clear();
      if (this.#closed) return;
      this.#onConnected(false);
      setTimeout(() => !this.#closed && this.#open(), RECONNECT_AFTER);
    });
  }

  #receive(update: PageUpdate): void {
    if (update.type !== 'done' && update.type !== 'refused') {
      this.#onUpdate(update);
      return;
    }
    const waiting = this.#waiting.get(update.request);
    this.#waiting.delete(update.request);
    if (update.type === 'done') waiting?.resolve(update.result as never);
    else waiting?.reject(new Error(update.reason));
  }
}
