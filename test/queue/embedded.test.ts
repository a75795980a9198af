import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InputError } from '../../src/errors.ts';
import { openDrawQueue } from '../../src/queue/draw-queue.ts';
import { openEmbedded } from '../../src/queue/embedded/client.ts';
import {
  type AtTheEnd,
  backends,
  freePort,
  gone,
  job,
  kill,
  log,
  openQueue,
  serverPid,
  soon,
  temporaryFolder,
} from './backends.ts';

const embedded = backends.find(({ name }) => name === 'embedded')!;

async function open(folder: string, atTheEnd: AtTheEnd): Promise<pg.Pool> {
  const pool = await openEmbedded(folder);
  atTheEnd(() => pool.end());
  return pool;
}

/** Addresses in the folder at which somebody listens. */
async function listeners(folder: string): Promise<string[]> {
  const sockets = (await readdir(folder)).filter((name) => name.endsWith('.sock'));
  const alive = await Promise.all(
    sockets.map((name) => {
      const socket = connect(join(folder, name));
      return Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(
        () => false,
      );
    }),
  );
  return sockets.filter((_, i) => alive[i]);
}

describe.concurrent('the embedded server', () => {
  test('is one, when ten processes want it at once', async ({ expect, onTestFinished }) => {
    const { dataDir } = await embedded.newQueue(onTestFinished);
    const bots = Array.from({ length: 10 }, (_, i) =>
      fork(new URL('bot-process.mjs', import.meta.url), [JSON.stringify({ dataDir }), String(i)], { execArgv: [] }),
    );
    const codes = await Promise.all(bots.map((bot: ChildProcess) => once(bot, 'exit').then(([code]) => code)));
    expect(codes).toEqual(bots.map(() => 0));
    const folder = join(dataDir, 'queue');
    expect(await listeners(folder)).toHaveLength(1);
    expect((await readdir(folder)).filter((name) => name.startsWith('claim-'))).toHaveLength(1);
    const queue = await openQueue({ redisUrl: undefined, dataDir }, onTestFinished);
    expect(await queue.counts()).toEqual({ waiting: 10, running: 0 });
  });

  test('killed takes nobody with it who holds a connection', async ({ expect, onTestFinished }) => {
    const { dataDir } = await embedded.newQueue(onTestFinished);
    const folder = join(dataDir, 'queue');
    const pool = await open(folder, onTestFinished);
    const held = await pool.connect();
    onTestFinished(() => held.release(true));
    // not once() of node:events, which would listen for errors too
    const lost = new Promise<void>((resolve) => held.on('end', resolve));
    kill(serverPid(folder));
    await lost;
    await expect(held.query('SELECT 1')).rejects.toThrow();
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  test('killed or ended is replaced by the next who asks, and what was committed is there', async ({
    expect,
    onTestFinished,
  }) => {
    const { dataDir } = await embedded.newQueue(onTestFinished);
    const folder = join(dataDir, 'queue');
    const pool = await open(folder, onTestFinished);
    await pool.query('CREATE TABLE kept (n int)');
    for (let n = 0; n < 5; n++) {
      await pool.query('INSERT INTO kept VALUES ($1)', [n]);
      const pid = serverPid(folder);
      kill(pid, n % 2 ? 'SIGTERM' : 'SIGKILL');
      if (n % 2) await gone(pid);
      const { rows } = await pool.query('SELECT max(n) AS n FROM kept');
      expect(rows).toEqual([{ n }]);
      expect(serverPid(folder)).not.toBe(pid);
    }
    expect(await listeners(folder)).toHaveLength(1);
  });

  test('ends by itself when nobody is left, and the jobs are there the next time', async ({
    expect,
    onTestFinished,
  }) => {
    const config = await embedded.newQueue(onTestFinished);
    const folder = join(config.dataDir, 'queue');
    const queue = await openDrawQueue(config, { log });
    const { id } = await queue.add(job('red heart'));
    const pid = serverPid(folder);
    await queue.close();
    await gone(pid);
    const again = await openQueue(config, onTestFinished);
    expect(await again.position(id)).toBe(0);
    expect(serverPid(folder)).not.toBe(pid);
  });

  test('starts anew where it was killed while it made the database', async ({ expect, onTestFinished }) => {
    const folder = join(await temporaryFolder(onTestFinished), 'queue');
    await mkdir(join(folder, 'database-draft', 'base'), { recursive: true });
    await writeFile(join(folder, 'database-draft', 'PG_VERSION'), '18\n');
    await open(folder, onTestFinished);
    expect(existsSync(join(folder, 'database-draft'))).toBe(false);
    kill(serverPid(folder));
  });

  test('a database that does not open is named, with what is wrong', async ({ expect, onTestFinished }) => {
    const folder = join(await temporaryFolder(onTestFinished), 'queue');
    await mkdir(join(folder, 'database'), { recursive: true });
    await writeFile(join(folder, 'database', 'PG_VERSION'), '11\n');
    const error = await openEmbedded(folder).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toContain(`the embedded queue in ${folder} can't`);
  });

  test('a folder that cannot be used is named', async ({ expect, onTestFinished }) => {
    const file = join(await temporaryFolder(onTestFinished), 'file');
    await writeFile(file, '');
    await expect(openEmbedded(join(file, 'queue'))).rejects.toThrow(/^DATA_DIR must be a folder that can be written: /);
    const long = join(await temporaryFolder(onTestFinished), 'x'.repeat(120), 'queue');
    await expect(openEmbedded(long)).rejects.toThrow(/DATA_DIR is \d+ characters too long/);
  });
});

describe('many clients on one PGlite', () => {
  let folder: string;
  let pool: pg.Pool;
  const ends: (() => void | Promise<void>)[] = [];
  beforeAll(async () => {
    const { dataDir } = await embedded.newQueue((end) => ends.push(end));
    folder = join(dataDir, 'queue');
    pool = await open(folder, (end) => ends.push(end));
  });
  afterAll(async () => {
    for (const end of ends.reverse()) await end();
  });

  test('are of this user alone', async () => {
    const [socket] = await listeners(folder);
    const modes = await Promise.all([socket!, 'database'].map((name) => stat(join(folder, name))));
    expect(modes.map(({ mode }) => mode & 0o077)).toEqual([0, 0]);
  });

  test('answers and errors reach who asked, whatever the size', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        if (i % 7 === 3) return await pool.query(`SELECT no_such_column_${i}`).catch((error: Error) => error.message);
        // some larger than a socket's buffer, so that they arrive in pieces
        const text = `${i}`.repeat(i % 5 === 0 ? 200_000 : 1);
        return (await pool.query(`SELECT $1::text = $2::text AS same, ${i} AS n`, [text, text])).rows;
      }),
    );
    expect(answers).toEqual(
      answers.map((_, i) => (i % 7 === 3 ? `column "no_such_column_${i}" does not exist` : [{ same: true, n: i }])),
    );
  });

  test('NOTIFY reaches every client that listens', async () => {
    const listener = await pool.connect();
    const heard: unknown[] = [];
    listener.on('notification', ({ channel, payload }) => heard.push([channel, payload]));
    await listener.query('LISTEN news');
    await pool.query("SELECT pg_notify('news', $1)", ['extra']);
    await expect.poll(() => heard, soon).toEqual([['news', 'extra']]);
    listener.release();
  });

  test('a transaction is kept apart, and rolled back when its client dies', async () => {
    await pool.query('CREATE TABLE t (n int)');
    const client = await pool.connect();
    client.on('error', () => {});
    await client.query('BEGIN');
    await client.query('INSERT INTO t VALUES (1)');
    const counted = pool.query('SELECT count(*)::int AS n FROM t');
    await client.query('INSERT INTO t VALUES (2)');
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    expect((await counted).rows).toEqual([{ n: 0 }]);
    client.release(true);
  });
});

test('a Redis that does not answer is named, without its password', async () => {
  const redisUrl = `redis://:swordfish@127.0.0.1:${await freePort()}`;
  const error = await openDrawQueue({ redisUrl, dataDir: '' }, { log }).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(InputError);
  expect((error as Error).message).toMatch(/^REDIS_URL: no answer from Redis at 127.0.0.1:\d+: .*ECONNREFUSED/);
  expect((error as Error).message).not.toContain('swordfish');
});
