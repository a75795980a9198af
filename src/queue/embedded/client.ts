import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { PROJECT_ROOT } from '../../config.ts';
import { InputError } from '../../errors.ts';
import { servedAt } from './claim.ts';

/** Compiled, because Node 20 runs no TypeScript. */
const SERVER = join(PROJECT_ROOT, 'dist', 'src', 'queue', 'embedded', 'server.js');
const START_TIMEOUT_MS = 30_000;
const RETRIES = 5;

/**
 * Connections to the embedded queue of a folder. Starts the server where none runs, also when it was killed meanwhile:
 * what it was asked at that moment is asked again, so a statement may run twice.
 */
class EmbeddedPool extends pg.Pool {
  constructor(folder: string) {
    super({
      user: 'postgres',
      database: 'postgres',
      // one LISTENs; an open connection keeps the server running
      max: 4,
      idleTimeoutMillis: 0,
      stream: () => new ServerSocket(folder),
    });
    // an idle connection was lost; the next query makes another
    this.on('error', () => {});
    // so was one in use: its queries fail and tell whoever uses it, but an error that nobody listens to ends the process
    this.on('connect', (client) => client.on('error', () => {}));
  }

  // biome-ignore lint/suspicious/noExplicitAny: pg's signature has a dozen overloads; BullMQ uses (text, values)
  override async query(...args: any[]): Promise<any> {
    for (let retry = 0; ; retry++) {
      try {
        return await (super.query as (...args: unknown[]) => Promise<unknown>)(...args);
      } catch (error) {
        const final =
          error instanceof pg.DatabaseError || error instanceof InputError || this.ending || retry === RETRIES;
        if (final) throw error;
        await sleep(50 * 2 ** retry);
      }
    }
  }
}

/** @throws InputError when the folder can't be written or its database can't be opened */
export async function openEmbedded(folder: string): Promise<EmbeddedPool> {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new InputError(`DATA_DIR must be a folder that can be written: ${(error as Error).message}`);
  }
  const pool = new EmbeddedPool(folder);
  try {
    await pool.query('SELECT 1');
    return pool;
  } catch (error) {
    await pool.end();
    if (error instanceof InputError) throw error;
    const { message } = error as Error;
    throw new InputError(`the embedded queue in ${folder} can't be opened: ${message}${lastWords(folder)}`);
  }
}

/** Finds the server, wherever it is now, when told to connect. */
class ServerSocket extends Socket {
  readonly #folder: string;

  constructor(folder: string) {
    super();
    this.#folder = folder;
  }

  override connect(): this {
    findServer(this.#folder).then(
      (path) => this.destroyed || super.connect({ path }),
      (error) => this.destroy(error),
    );
    return this;
  }
}

/** The folder's server, started if need be. @throws InputError when it can't be started, with what it said */
async function findServer(folder: string): Promise<string> {
  let exit: Promise<number | null> | undefined;
  for (const end = Date.now() + START_TIMEOUT_MS; Date.now() < end; ) {
    const address = await servedAt(folder);
    if (address) return address;
    exit ??= startServer(folder);
    const code = await Promise.race([exit, sleep(20, 'starting' as const)]);
    if (code === 'starting') continue;
    // 0: another came first
    if (code !== 0) throw new InputError(`the embedded queue in ${folder} can't start${lastWords(folder)}`);
    exit = undefined;
  }
  throw new InputError(
    `the embedded queue in ${folder} did not start in ${START_TIMEOUT_MS / 1000} s${lastWords(folder)}`,
  );
}

const logOf = (folder: string) => join(folder, 'server.log');

/** Resolves to the server's exit code; it runs on when this process ends. */
function startServer(folder: string): Promise<number | null> {
  const log = openSync(logOf(folder), 'a');
  const server = spawn(process.execPath, [SERVER, folder], {
    detached: true,
    windowsHide: true,
    cwd: folder,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  server.unref();
  return new Promise((resolve, reject) => server.once('exit', resolve).once('error', reject));
}

function lastWords(folder: string): string {
  const words = readFileSync(logOf(folder), { encoding: 'utf8', flag: 'a+' }).trim();
  return words && `; server.log ends with: ${words.split('\n').at(-1)!.slice(0, 500)}`;
}
