import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { addressOf, claim, newName } from './claim.ts';

/*
 * The embedded queue's own process: one PGlite for all the bots and engines of this machine, which come and go (and are
 * killed) in any order. Whoever needs the queue and finds nobody serving it starts one; it ends when nobody is left.
 * Usage: node server.js FOLDER
 */

const IDLE_MS = 5_000;
const MAINTENANCE_MS = 10 * 60_000;

const folder = process.argv[2]!;
// Clients that come before the database is open wait in line.
const early: Socket[] = [];
let welcome: (socket: Socket) => void = (socket) => early.push(socket);

// PGlite may also fail in the middle of a query: its memory can't be trusted then, but what is on the disk can.
process.on('uncaughtException', (error) => {
  console.error(`${new Date().toISOString()} ${error.message}`);
  process.exit(1);
});

process.umask(0o077);
const name = newName(folder);
// 'close' follows every error of a connection
const server = createServer((socket) => welcome(socket.on('error', () => {}))).listen(addressOf(folder, name));
await once(server, 'listening');
if (await claim(folder, name)) await serve();
else process.exit();

async function serve(): Promise<void> {
  // V8's baseline code is fast enough for a queue; optimising PostgreSQL would take 100 MB and the engine's processor time
  setFlagsFromString('--liftoff-only');
  const [{ openDatabase }, { Multiplexer }] = await Promise.all([import('./database.ts'), import('./wire.ts')]);
  const db = await openDatabase(folder);

  let idle: NodeJS.Timeout | undefined;
  const multiplexer = new Multiplexer(db, (clients) => {
    clearTimeout(idle);
    if (clients === 0) idle = setTimeout(stop, IDLE_MS);
  });
  let stopping = false;
  async function stop() {
    if (stopping) return;
    stopping = true;
    await multiplexer.stop();
    // While this process listens no other opens the database: so that is closed first.
    await db.close();
    process.exit();
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
  idle = setTimeout(stop, IDLE_MS);

  welcome = (socket) => multiplexer.add(socket);
  for (const socket of early) if (!socket.destroyed) welcome(socket);

  // A session without PostgreSQL's background processes: nobody else clears dead rows away or cuts the log.
  setInterval(async () => {
    await multiplexer.query('VACUUM ANALYZE');
    await multiplexer.query('CHECKPOINT');
  }, MAINTENANCE_MS);
}
