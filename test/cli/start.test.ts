import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
let dataDir: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'unclip-start-'));
});
afterAll(() => rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 500 }));

/** `npm start` or another script, its output so far, and its exit code. */
function npmStart(env: Record<string, string>, script = 'start') {
  const { DISCORD_TOKEN: _, REDIS_URL: __, ...inherited } = process.env;
  const child = spawn('npm', ['run', script], { cwd: ROOT, env: { ...inherited, DATA_DIR: dataDir, ...env } });
  const started = { child, output: '', exit: new Promise<number | null>((resolve) => child.once('exit', resolve)) };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      started.output += chunk;
    });
  }
  return started;
}

describe('npm start', { timeout: 90_000 }, () => {
  it('ends everything when npm is told to end', async () => {
    const started = npmStart({ LOCAL_DISCORD_PORT: '0' });
    await expect.poll(() => started.output, { timeout: 60_000 }).toContain('http://127.0.0.1:');
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(started.output)!;
    expect((await fetch(url)).status).toBe(200);
    expect(started.output.match(/"ready"/g)).toHaveLength(2);
    expect(started.output).not.toContain('oauth2');
    expect(started.output).not.toContain('commands registered');
    started.child.kill('SIGTERM');
    await started.exit;
    await expect.poll(() => fetch(url).catch(() => 'gone'), { timeout: 30_000 }).toBe('gone');
  });

  it('names the setting when something else has the port', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const started = npmStart({ LOCAL_DISCORD_PORT: String(port) });
    expect(await started.exit).toBe(2);
    expect(started.output).toContain(String(port));
    expect(started.output).toContain('LOCAL_DISCORD_PORT');
    other.close();
  });

  it('ends when the local Discord has no place for its data', async () => {
    const file = join(dataDir, 'file');
    await writeFile(file, '');
    const started = npmStart({ DATA_DIR: file });
    expect(await started.exit).toBe(2);
    expect(started.output).toContain(`can't keep its data in ${join(file, 'discord')}`);
  });

  it("ends when the engine can't use its model folder", async () => {
    const started = npmStart({ LOCAL_DISCORD_PORT: '0', MODEL_DIR: '/nowhere' });
    expect(await started.exit).toBe(2);
    expect(started.output).toContain('model folder /nowhere does not exist');
  });

  it('ends when Discord refuses the token', async () => {
    const discord = createHttpServer((_request, response) => {
      response.writeHead(401, { 'content-type': 'application/json' }).end('{"message":"401: Unauthorized","code":0}');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => discord.once('listening', resolve));
    const { port } = discord.address() as AddressInfo;
    const started = npmStart({ DISCORD_TOKEN: 'a.b.c', DISCORD_API_URL: `http://127.0.0.1:${port}/api` });
    expect(await started.exit).toBe(2);
    expect(started.output).toContain("Discord doesn't know this token");
    discord.close();
  });
});

describe('npm run engine', { timeout: 90_000 }, () => {
  it("ends when Redis doesn't answer", async () => {
    const started = npmStart({ DISCORD_TOKEN: 'a.b.c', REDIS_URL: 'redis://127.0.0.1:1' }, 'engine');
    expect(await started.exit).toBe(2);
    expect(started.output).toContain('no answer from Redis at 127.0.0.1:1');
  });
});
