import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { type PGlite, protocol } from '@electric-sql/pglite';

/*
 * Many PostgreSQL clients on one PGlite, which is a single session.
 *
 * What a client sends up to the end of a query (Query, or Sync after an extended one) runs in one piece, so that the
 * unnamed statements of two clients can't mix; a client that opened a transaction is alone until it ends.
 * NOTIFY reaches all clients: PGlite answers it to whoever happens to speak, which is why @electric-sql/pglite-socket
 * can't wake a worker that LISTENs. SSL, COPY and Flush aren't needed here and aren't understood.
 */

const QUERY = 'Q'.charCodeAt(0);
const SYNC = 'S'.charCodeAt(0);
const TERMINATE = 'X'.charCodeAt(0);
const NOTIFICATION = 'A'.charCodeAt(0);

interface Client {
  readonly socket: Socket;
  /** Bytes that are no complete query yet. */
  received: Buffer;
  started: boolean;
}

interface Query {
  /** Undefined: the server itself. */
  readonly client: Client | undefined;
  readonly bytes: Uint8Array;
  readonly done: (answer: Buffer) => void;
}

export class Multiplexer {
  readonly #db: PGlite;
  readonly #clients = new Set<Client>();
  readonly #onChange: (clients: number) => void;
  #queries: Query[] = [];
  #running = false;
  #stopped = false;
  /** Whose transaction is open. */
  #owner: Client | undefined;

  /** @param onChange called with the number of clients when it changes */
  constructor(db: PGlite, onChange: (clients: number) => void) {
    this.#db = db;
    this.#onChange = onChange;
  }

  add(socket: Socket): void {
    const client: Client = { socket, received: Buffer.alloc(0), started: false };
    this.#clients.add(client);
    socket.on('data', (data) => {
      client.received = Buffer.concat([client.received, data]);
      this.#receive(client);
    });
    socket.on('close', () => this.#remove(client));
    this.#onChange(this.#clients.size);
  }

  /** Runs one statement of the server itself when its turn has come, outside of any client's transaction. */
  query(sql: string): Promise<Buffer> {
    return new Promise((done) => this.#enqueue({ client: undefined, bytes: protocol.serialize.query(sql), done }));
  }

  /** Leaves all further queries unanswered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    while (this.#running) await setImmediate();
  }

  #receive(client: Client): void {
    const { received, started } = client;
    const end = started ? endOfQueries(received) : endOfStartup(received);
    if (end === 0) return;
    client.started = true;
    client.received = received.subarray(end);
    const bytes = new Uint8Array(received.subarray(0, end));
    this.#enqueue({ client, bytes, done: (answer) => client.socket.write(answer) });
    if (!started) this.#receive(client);
  }

  #enqueue(query: Query): void {
    this.#queries.push(query);
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    for (let query = this.#next(); query; query = this.#next()) {
      const output: Buffer[] = [];
      await this.#db.execProtocolRawStream(query.bytes, { onRawData: (data) => output.push(Buffer.from(data)) });
      this.#owner = this.#db.isInTransaction() ? query.client : undefined;
      const { answer, notifications } = splitAnswer(Buffer.concat(output));
      query.done(answer);
      if (notifications.length > 0) for (const { socket } of this.#clients) socket.write(notifications);
    }
    this.#running = false;
  }

  #next(): Query | undefined {
    if (this.#stopped) return undefined;
    if (!this.#owner) return this.#queries.shift();
    const index = this.#queries.findIndex(({ client }) => client === this.#owner);
    if (index >= 0) return this.#queries.splice(index, 1)[0];
    if (this.#clients.has(this.#owner)) return undefined;
    return { client: undefined, bytes: protocol.serialize.query('ROLLBACK'), done: () => {} };
  }

  #remove(client: Client): void {
    this.#clients.delete(client);
    this.#queries = this.#queries.filter((query) => query.client !== client);
    void this.#run();
    this.#onChange(this.#clients.size);
  }
}

/** Where the startup message ends, the only one without a type before its length; 0 if it isn't complete. */
function endOfStartup(bytes: Buffer): number {
  if (bytes.length < 4) return 0;
  const end = bytes.readInt32BE(0);
  return end <= bytes.length ? end : 0;
}

/** Where the last complete query (or the client's farewell) ends in the bytes, 0 if there is none. */
function endOfQueries(bytes: Buffer): number {
  let end = 0;
  for (let at = 0; at + 5 <= bytes.length; ) {
    const type = bytes[at];
    at += 1 + bytes.readInt32BE(at + 1);
    if (at <= bytes.length && (type === QUERY || type === SYNC || type === TERMINATE)) end = at;
  }
  return end;
}

/** The backend's messages without the notifications, and the notifications alone. */
function splitAnswer(bytes: Buffer): { answer: Buffer; notifications: Buffer } {
  const answer: Buffer[] = [];
  const notifications: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    (bytes[at] === NOTIFICATION ? notifications : answer).push(bytes.subarray(at, end));
    at = end;
  }
  return { answer: Buffer.concat(answer), notifications: Buffer.concat(notifications) };
}
