import { once } from 'node:events';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REST, Routes } from 'discord.js';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { InputError } from '../../src/errors.ts';
import { type LocalDiscord, startLocalDiscord } from '../../src/sandbox/local-discord.ts';
import { ManualClock } from './manual-clock.ts';

const GUILDS = 1;
const GUILD_MESSAGES = 1 << 9;

let clock: ManualClock;
let discord: LocalDiscord;

beforeEach(async () => {
  clock = new ManualClock();
  discord = await startLocalDiscord({ clock });
});
afterEach(() => discord.close());

const channelMessages = () => `${discord.apiUrl}/v10${Routes.channelMessages(discord.channelId)}`;
const asBot = (init: RequestInit = {}) => ({
  ...init,
  headers: { authorization: `Bot ${discord.token}`, ...init.headers },
});
const json = (method: string, body: unknown) =>
  asBot({ method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
const picture = () =>
  sharp({ create: { width: 8, height: 4, channels: 3, background: 'red' } })
    .png()
    .toBuffer();

describe('who may ask', () => {
  test('routes of the bot need its token, and unknown ones are 404', async () => {
    expect((await fetch(`${discord.apiUrl}/v10/users/@me`)).status).toBe(401);
    const wrong = await fetch(`${discord.apiUrl}/users/@me`, { headers: { authorization: 'Bot x' } });
    expect(await wrong.json()).toEqual({ message: '401: Unauthorized', code: 0 });
    expect((await fetch(`${discord.apiUrl}/v10/nothing`, asBot())).status).toBe(404);
  });

  test('a foreign host name or origin is refused on pages, files, REST and sockets', async () => {
    const status = (path: string, headers: Record<string, string>) =>
      new Promise((resolve) =>
        request(new URL(path, discord.url), { headers }, (r) => resolve(r.resume().statusCode)).end(),
      );
    expect(await status('/', { host: 'evil.example' })).toBe(403);
    expect(await status('/api/v10/gateway', { origin: 'https://evil.example' })).toBe(403);
    expect(await status('/api/v10/gateway', { origin: discord.url.slice(0, -1) })).toBe(200);
    const socket = new WebSocket(`${discord.url.replace('http', 'ws')}page/socket`, { origin: 'https://evil.example' });
    const [error] = await once(socket, 'error');
    expect(error.message).toContain('403');
  });

  test('the page has one address, at which its pictures are', async () => {
    const { port } = new URL(discord.url);
    const page = (host: string) =>
      new Promise<IncomingMessage>((resolve) =>
        request(new URL('/?user=2', discord.url), { headers: { host } }, (r) => resolve(r.resume())).end(),
      );
    const { statusCode, headers } = await page(`localhost:${port}`);
    expect([statusCode, headers.location]).toEqual([302, `${discord.url}?user=2`]);
    expect((await page(`127.0.0.1:${port}`)).statusCode).not.toBe(302);
  });
});

describe('bodies', () => {
  test('broken JSON is 50109, in a form too', async () => {
    const broken = await fetch(
      channelMessages(),
      asBot({ method: 'POST', body: '{', headers: { 'content-type': 'application/json' } }),
    );
    expect([broken.status, (await broken.json()).code]).toEqual([400, 50109]);
    const form = new FormData();
    form.set('payload_json', '{');
    expect((await (await fetch(channelMessages(), asBot({ method: 'POST', body: form }))).json()).code).toBe(50109);
  });

  test('an empty message is 50006; a file over 10 MiB is 40005', async () => {
    const empty = await fetch(channelMessages(), json('POST', { content: '  ' }));
    expect([empty.status, (await empty.json()).code]).toEqual([400, 50006]);
    const form = new FormData();
    form.set('files[0]', new Blob([new Uint8Array(10 * 1024 * 1024 + 1)]), 'big.png');
    const big = await fetch(channelMessages(), asBot({ method: 'POST', body: form }));
    expect([big.status, (await big.json()).code]).toEqual([413, 40005]);
  });

  test('a list is asked for by ids and a limit; newest first', async () => {
    const ids: string[] = [];
    for (const content of ['1', '2', '3', '4']) {
      ids.push((await (await fetch(channelMessages(), json('POST', { content }))).json()).id);
    }
    const list = async (query: string) => {
      const messages = await (await fetch(`${channelMessages()}?${query}`, asBot())).json();
      return Array.isArray(messages) ? messages.map(({ content }) => content).join('') : messages.code;
    };
    expect(await list('limit=2')).toBe('43');
    expect(await list(`before=${ids[2]}`)).toBe('21');
    expect(await list(`after=${ids[0]}&limit=2`)).toBe('32');
    expect(await list(`around=${ids[1]}&limit=3`)).toBe('321');
    expect(await list('before=x')).toBe(50035);
    expect(await list('limit=101')).toBe(50035);
  });

  test('errors name the place of the fault inside unions', async () => {
    const components = [{ type: 1, components: [{ type: 2, style: 9, label: 'x', custom_id: 'a' }] }];
    const body = await (await fetch(channelMessages(), json('POST', { content: 'x', components }))).json();
    expect(body.errors.components[0].components[0].style._errors[0].code).toBe('BASE_TYPE_CHOICES');
  });

  test('a text called .png is served as such, without a size', async () => {
    const { robin } = discord.people;
    const file = await robin.upload({ filename: 'no picture.png', bytes: Buffer.from('hello') }, discord.channelId);
    expect(file).toMatchObject({ filename: 'no_picture.png', content_type: 'image/png', size: 5 });
    expect(file.width).toBeUndefined();
    const served = await fetch(file.url);
    expect(served.headers.get('content-security-policy')).toContain('sandbox');
    expect(await served.text()).toBe('hello');
  });

  test('a drawing is announced as one, without a size', async () => {
    const bytes = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>');
    const file = await discord.people.robin.upload({ filename: 'logo.svg', bytes }, discord.channelId);
    expect(file.content_type).toBe('image/svg+xml');
    expect(file.width).toBeUndefined();
  });
});

describe('rate limits', () => {
  test('five edits in five seconds a channel, then 429 with the time to wait', async () => {
    const { id } = await (await fetch(channelMessages(), json('POST', { content: '0' }))).json();
    const edit = (content: string) => fetch(`${channelMessages()}/${id}`, json('PATCH', { content }));
    const remaining = [];
    for (const content of ['1', '2', '3', '4', '5']) {
      remaining.push((await edit(content)).headers.get('x-ratelimit-remaining'));
    }
    expect(remaining).toEqual(['4', '3', '2', '1', '0']);
    clock.advance(2_000);
    const refused = await edit('6');
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('3');
    expect(await refused.json()).toMatchObject({ retry_after: 3, global: false });
    clock.advance(3_000);
    expect((await edit('7')).status).toBe(200);
  });
});

describe('gateway', () => {
  async function connect(query = '?v=10&encoding=json') {
    const socket = new WebSocket(`${discord.url.replace('http', 'ws')}gateway/${query}`);
    const received: { op: number; t?: string; s?: number; d?: unknown }[] = [];
    const waiting: (() => void)[] = [];
    socket.on('message', (data) => {
      received.push(JSON.parse(String(data)));
      for (const wake of waiting.splice(0)) wake();
    });
    const send = (op: number, d: unknown) => socket.send(JSON.stringify({ op, d }));
    const until = async (
      found: (payload: (typeof received)[number]) => boolean,
    ): Promise<(typeof received)[number]> => {
      const payload = received.find(found);
      if (payload) return payload;
      await new Promise<void>((resolve) => waiting.push(resolve));
      return until(found);
    };
    const identify = (intents: number, token = discord.token) => send(2, { token, intents, properties: {} });
    return { socket, received, send, until, identify, closed: once(socket, 'close') };
  }

  test('resuming brings what was missed, in order, once', async () => {
    const first = await connect();
    await first.until(({ op }) => op === 10);
    first.identify(GUILDS | GUILD_MESSAGES);
    const { d } = await first.until(({ t }) => t === 'READY');
    const { s } = await first.until(({ t }) => t === 'GUILD_CREATE');
    first.socket.terminate();
    await first.closed;
    await fetch(channelMessages(), json('POST', { content: 'missed one' }));
    await fetch(channelMessages(), json('POST', { content: 'missed two' }));

    const second = await connect();
    second.socket.once('open', () =>
      second.send(6, { token: discord.token, session_id: (d as { session_id: string }).session_id, seq: s }),
    );
    await second.until(({ t }) => t === 'RESUMED');
    const messages = second.received
      .filter(({ t }) => t === 'MESSAGE_CREATE')
      .map(({ d }) => (d as { content: string }).content);
    expect(messages).toEqual(['missed one', 'missed two']);
    second.socket.close();
  });

  test('after two minutes the session is gone', async () => {
    const first = await connect();
    await first.until(({ op }) => op === 10);
    first.identify(GUILDS);
    const { d } = await first.until(({ t }) => t === 'READY');
    const noticed = new Promise<void>((resolve) =>
      discord.people.robin.listen((update) => update.type === 'bot' && !update.online && resolve()),
    );
    first.socket.terminate();
    await noticed;
    clock.advance(2 * 60_000);
    const second = await connect();
    second.socket.once('open', () =>
      second.send(6, { token: discord.token, session_id: (d as { session_id: string }).session_id, seq: 2 }),
    );
    expect(await second.until(({ op }) => op === 9)).toEqual({ op: 9, d: false });
    second.socket.close();
  });

  test.each([
    ['a wrong token', 4004, (c: Awaited<ReturnType<typeof connect>>) => c.identify(GUILDS, 'wrong')],
    ['unknown intents', 4013, (c: Awaited<ReturnType<typeof connect>>) => c.identify(1 << 30)],
    ['no JSON', 4002, (c: Awaited<ReturnType<typeof connect>>) => c.socket.send('{')],
    ['speaking before identifying', 4003, (c: Awaited<ReturnType<typeof connect>>) => c.send(3, {})],
  ])('%s closes with %i', async (_name, code, speak) => {
    const connection = await connect();
    await connection.until(({ op }) => op === 10);
    speak(connection);
    expect((await connection.closed)[0]).toBe(code);
  });

  test('other encodings and compression are refused at once', async () => {
    expect((await (await connect('?v=10&encoding=etf')).closed)[0]).toBe(4002);
    expect((await (await connect('?v=10&encoding=json&compress=zlib-stream')).closed)[0]).toBe(4002);
  });

  test('without the MessageContent intent people’s messages are empty', async () => {
    const connection = await connect();
    await connection.until(({ op }) => op === 10);
    connection.identify(GUILD_MESSAGES);
    await connection.until(({ t }) => t === 'READY');
    await discord.people.kim.send({ channelId: discord.channelId, content: 'hello', attachmentIds: [] });
    const { d } = await connection.until(({ t }) => t === 'MESSAGE_CREATE');
    expect(d).toMatchObject({ content: '', author: { username: 'kim' }, member: { roles: [] } });
    connection.socket.close();
  });
});

describe('people', () => {
  test('delete their own messages only, and answer one with a reference', async () => {
    const { robin, kim } = discord.people;
    const where = { channelId: discord.channelId, attachmentIds: [] };
    const messageId = await robin.send({ ...where, content: 'mine' });
    await kim.send({ ...where, content: 'about it', replyTo: messageId });
    await expect(kim.delete({ messageId })).rejects.toThrow('permissions');
    await robin.delete({ messageId });
    const [left] = kim.messages(discord.channelId);
    expect([left!.content, left!.referenced_message]).toEqual(['about it', null]);
  });

  test('see no private channel of others', () => {
    const { robin, kim } = discord.people;
    const own = robin.channels().find(({ name }) => name === 'unCLIP')!;
    expect(() => kim.messages(own.id)).toThrow('There is no such channel');
  });
});

describe('the data folder', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'local-discord-'));
  });
  afterEach(() => rm(dataDir, { recursive: true }));

  test('keeps token, commands, messages, files and live interactions over a restart and a torn last line', async () => {
    const before = await startLocalDiscord({ dataDir, clock });
    const rest = new REST({ api: before.apiUrl }).setToken(before.token);
    await rest.put(Routes.applicationCommands(before.applicationId), {
      body: [{ name: 'info', description: 'Tells' }],
    });
    const files = [{ name: 'one.png', data: await picture() }];
    await rest.post(Routes.channelMessages(before.channelId), { body: { content: 'grid' }, files });
    await before.people.kim.send({ channelId: before.channelId, content: 'deleted', attachmentIds: [] });
    await before.people.kim.delete({ messageId: before.people.kim.messages(before.channelId).at(-1)!.id });
    await before.close();
    await appendFile(join(dataDir, 'discord.jsonl'), '{"key":"message/1","val');

    const after = await startLocalDiscord({ dataDir, clock });
    expect(after.token).toBe(before.token);
    expect(after.people.robin.channels()[0]!.commands.map(({ name }) => name)).toEqual(['info']);
    const [message, ...others] = after.people.robin.messages(after.channelId);
    expect(others).toEqual([]);
    expect(message!.attachments[0]!.url).toContain(new URL(after.url).host);
    const served = await fetch(message!.attachments[0]!.url);
    expect(Buffer.from(await served.arrayBuffer())).toEqual(files[0]!.data);
    await after.close();
  });

  test('that is no folder, and a port that is taken, are said plainly', async () => {
    const file = join(dataDir, 'file');
    await writeFile(file, '');
    await expect(startLocalDiscord({ dataDir: file })).rejects.toThrow(InputError);
    await expect(startLocalDiscord({ port: Number(new URL(discord.url).port) })).rejects.toThrow(
      'another program listens there',
    );
  });
});
