import { existsSync, fsyncSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { DEFAULT_SCHEMA, runMigrations } from 'bullmq';

/*
 * A PostgreSQL for one small queue: little memory, and every commit on the disk before it is answered (PGlite's own
 * start parameters leave that to the operating system, which forgets the last seconds when the power fails).
 */
const START_PARAMETERS = [
  ...PGlite.defaultStartParams.filter((parameter) => process.platform === 'win32' || parameter !== '-F'),
  ...['-c', 'wal_sync_method=fsync'],
  ...['-c', 'shared_buffers=4MB'],
  ...['-c', 'min_wal_size=32MB'],
  ...['-c', 'max_wal_size=64MB'],
];

/** Opens the queue's database in the folder, after a crash as well; makes it when there is none. */
export async function openDatabase(folder: string): Promise<PGlite> {
  const path = join(folder, 'database');
  if (!existsSync(path)) await create(path);
  const db = await open(path);
  await migrate(db);
  return db;
}

/** Aside and moved into place when complete: a half-made database doesn't open. */
async function create(path: string): Promise<void> {
  const draft = `${path}-draft`;
  rmSync(draft, { recursive: true, force: true });
  const db = await open(draft);
  await migrate(db);
  await db.close();
  renameSync(draft, path);
}

async function open(path: string): Promise<PGlite> {
  const db = await PGlite.create(path, { startParams: START_PARAMETERS });
  // Emscripten's file system on Node has no fsync of its own and reports success.
  const { stream_ops } = (db.Module.FS as unknown as { filesystems: { NODEFS: NodeFileSystem } }).filesystems.NODEFS;
  stream_ops.fsync = ({ nfd }) => {
    fsyncSync(nfd);
    return 0;
  };
  return db;
}

interface NodeFileSystem {
  stream_ops: { fsync?(stream: { nfd: number }): number };
}

/** BullMQ's tables and functions. The search path serves all clients, since they share one session. */
async function migrate(db: PGlite): Promise<void> {
  await runMigrations({
    query: async (sql: string, values?: unknown[]) =>
      values ? await db.query(sql, values) : ((await db.exec(sql)).at(-1) ?? { rows: [] }),
  } as unknown as Parameters<typeof runMigrations>[0]);
  await db.exec(`SET search_path TO ${DEFAULT_SCHEMA}`);
}
