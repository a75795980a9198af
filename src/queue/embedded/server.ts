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

try {
  process.umask(0o077);
  const name = newName(folder);
  const server = createServer((socket) => welcome(socket));
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(addressOf(folder, name), resolve));
  if (await claim(folder, name)) await serve();
  else process.exit();
} catch (error) {
  console.error(`${new Date().toISOString()} ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}

async function serve(): Promise<void> {
  // V8's baseline code is fast enough for a queue; optimising PostgreSQL would take 100 MB and the engine's processor time
  setFlagsFromString('--liftoff-only');
  const [{ openDatabase }, { Multiplexer }] = await Promise.all([import('./database.ts'), import('./wire.ts')]);
  const db = await openDatabase(folder);
  const stop = async () => {
    // The database first: as long as this process listens, no other opens it.
    await db.close();
    process.exit();
  };

  let idle: NodeJS.Timeout | undefined;
  const multiplexer = new Multiplexer(db, (clients) => {
    clearTimeout(idle);
    if (clients === 0) idle = setTimeout(stop, IDLE_MS);
  });
  idle = setTimeout(stop, IDLE_MS);
  welcome = (socket) => multiplexer.add(socket);
  for (const socket of early) if (!socket.destroyed) welcome(socket);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);

  // A session without PostgreSQL's background processes: nobody else clears dead rows away or cuts the log.
  setInterval(async () => {
    await multiplexer.query('VACUUM ANALYZE');
    await multiplexer.query('CHECKPOINT');
  }, MAINTENANCE_MS);
}
