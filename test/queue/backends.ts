import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, vi } from 'vitest';
import { type DrawQueue, openDrawQueue } from '../../src/queue/draw-queue.ts';
import type { DrawAborted } from '../../src/queue/draw-worker.ts';
import { openEmbedded } from '../../src/queue/embedded/client.ts';
import type { DrawJob } from '../../src/queue/messages.ts';
import type { QueueConfig } from '../../src/queue/store.ts';

export const log = pino({ level: process.env.LOG_LEVEL || 'silent' });

interface Backend {
  readonly name: string;
  /** Why it can't be tested here. */
  readonly missing?: string;
  /** An empty queue of the test's own. */
  newQueue(atTheEnd: AtTheEnd): Promise<QueueConfig>;
  /** Kills what serves it, at once; Redis is started again, as its supervisor would. */
  crash(config: QueueConfig): Promise<void>;
}

/** Vitest's onTestFinished of one test, or the end of the test file. */
export type AtTheEnd = (end: () => void | Promise<void>) => void;

const ends: (() => void | Promise<void>)[] = [];
export const ofTheFile: AtTheEnd = (end) => ends.push(end);
afterAll(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
// locks expire after seconds, and a slow machine starts many processes slowly
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
export const soon = { timeout: 30_000 };

export async function temporaryFolder(atTheEnd: AtTheEnd): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'unclip-'));
  atTheEnd(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));
  return folder;
}

/** The process that serves the embedded queue in the folder. */
export function serverPid(folder: string): number {
  const claim = readdirSync(folder).find((name) => name.startsWith('claim-'))!;
  return Number.parseInt(readFileSync(join(folder, claim), 'utf8'), 10);
}

export function kill(pid: number, signal: NodeJS.Signals | 0 = 'SIGKILL'): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

export async function gone(pid: number): Promise<void> {
  while (kill(pid, 0)) await sleep(20);
}

/** A new database takes seconds, a copy a moment. */
let template: Promise<string> | undefined;

async function makeTemplate(): Promise<string> {
  const folder = join(await temporaryFolder(ofTheFile), 'queue');
  await (await openEmbedded(folder)).end();
  const pid = serverPid(folder);
  kill(pid, 'SIGTERM');
  await gone(pid);
  return join(folder, 'database');
}

const embedded: Backend = {
  name: 'embedded',
  async newQueue(atTheEnd) {
    template ??= makeTemplate();
    const dataDir = await temporaryFolder(atTheEnd);
    await cp(await template, join(dataDir, 'queue', 'database'), { recursive: true });
    atTheEnd(async () => {
      const pid = serverPid(join(dataDir, 'queue'));
      kill(pid);
      await gone(pid);
    });
    return { redisUrl: undefined, dataDir };
  },
  async crash({ dataDir }) {
    kill(serverPid(join(dataDir, 'queue')));
  },
};

const redisServers = new Map<string, ChildProcess>();

function startRedis(port: number, folder: string): void {
  const options = { port, bind: '127.0.0.1', dir: folder, save: '', appendonly: 'yes', appendfsync: 'always' };
  const words = Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)]);
  redisServers.set(folder, spawn('redis-server', words, { stdio: 'ignore' }));
}

async function stopRedis(folder: string): Promise<void> {
  const server = redisServers.get(folder)!;
  server.kill('SIGKILL');
  await once(server, 'exit');
}

const redis: Backend = {
  name: 'Redis',
  ...(spawnSync('redis-server', ['--version']).error && { missing: 'redis-server is not installed' }),
  async newQueue(atTheEnd) {
    const folder = await temporaryFolder(atTheEnd);
    const port = await freePort();
    startRedis(port, folder);
    atTheEnd(() => stopRedis(folder));
    return { redisUrl: `redis://127.0.0.1:${port}`, dataDir: folder };
  },
  async crash({ redisUrl, dataDir }) {
    await stopRedis(dataDir);
    startRedis(Number(new URL(redisUrl!).port), dataDir);
  },
};

export const backends = [embedded, redis];
for (const { name, missing } of backends) if (missing) console.warn(`queue tests on ${name} are skipped: ${missing}`);

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

export async function openQueue(config: QueueConfig, atTheEnd: AtTheEnd): Promise<DrawQueue> {
  const queue = await openDrawQueue(config, { log });
  atTheEnd(() => queue.close());
  return queue;
}

/** Until nothing waits and nothing runs. */
export async function finished(queue: DrawQueue): Promise<void> {
  for (;;) {
    // it may be away for a moment
    const counts = await queue.counts().catch(() => undefined);
    if (counts?.waiting === 0 && counts.running === 0) return;
    await sleep(20);
  }
}

let messages = 0;

/** A job whose prompt tells the handlers of these tests what to do. */
export function job(prompt: string): DrawJob {
  const messageId = String(++messages);
  return {
    version: 1,
    task: { kind: 'imagine', prompt, settings: { seed: 1 } },
    reply: { channelId: '1', messageId, userId: '1', attachmentSizeLimit: 1 },
  };
}

export function promptOf({ task }: DrawJob): string {
  return task.kind === 'imagine' ? task.prompt : task.kind;
}

export interface EngineEvent {
  /** The last three: why its signal aborted. */
  event: 'started' | 'finished' | DrawAborted['why'];
  prompt: string;
  attempt: number;
}

/** An engine in a process of its own: see there. */
export function forkEngine(config: QueueConfig, atTheEnd: AtTheEnd, onEvent: (it: EngineEvent) => void): ChildProcess {
  const engine = fork(new URL('engine-process.mjs', import.meta.url), [JSON.stringify(config)], { execArgv: [] });
  engine.on('message', onEvent);
  atTheEnd(() => void engine.kill('SIGKILL'));
  return engine;
}
