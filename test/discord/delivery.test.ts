import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Delivery } from '../../src/discord/delivery.ts';
import type { MessageView } from '../../src/discord/message-view.ts';
import { createRest } from '../../src/discord/rest.ts';
import { failed, queued } from '../../src/discord/views.ts';
import type { Reply } from '../../src/queue/messages.ts';
import { DiscordStub } from './discord-stub.ts';
import { HeldClock } from './held-clock.ts';

const WEBHOOK = 'PATCH /webhooks/7/token/messages/2';
const CHANNEL = 'PATCH /channels/1/messages/2';

let discord: DiscordStub;
let clock: HeldClock;
const logged: string[] = [];
const log = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) });

beforeEach(async () => {
  discord = await DiscordStub.start();
  clock = new HeldClock();
  logged.length = 0;
});
afterEach(() => discord.close());

function deliver(options: { interaction?: boolean; limit?: number } = {}) {
  const reply: Reply = {
    channelId: '1',
    messageId: '2',
    userId: '3',
    attachmentSizeLimit: options.limit ?? 1000,
    ...((options.interaction ?? true) && {
      interaction: { applicationId: '7', token: 'token', expiresAt: clock.now() + 900_000 },
    }),
  };
  return new Delivery({ reply, rest: createRest({ token: 'bot-token', apiUrl: discord.apiUrl }), log, clock });
}

function text(content: string): MessageView {
  return { content, components: [] };
}

function pictures(content: string, ...sizes: number[]): MessageView {
  const files = sizes.map((size, i) => ({ name: `${i}.png`, alt: `picture ${i}`, data: new Uint8Array(size).fill(i) }));
  return { content, components: [], files };
}

const requests = (count: number) => vi.waitFor(() => expect(discord.requests).toHaveLength(count));

describe('progress', () => {
  test('shows the first state at once and then the latest, one edit each 1.5 s', async () => {
    const delivery = deliver();
    for (const content of ['a', 'b', 'c']) delivery.progress(text(content));
    await vi.waitFor(() => expect(clock.sleeping).toBe(1));
    delivery.progress(text('d'));
    clock.advance(1499);
    expect(discord.log).toEqual([`${WEBHOOK} a`]);
    clock.advance(1);
    await requests(2);
    expect(discord.log[1]).toBe(`${WEBHOOK} d`);
  });

  test('has one request under way at a time', async () => {
    const delivery = deliver();
    let release = () => {};
    discord.answer = () => new Promise((resolve) => (release = () => resolve(undefined)));
    delivery.progress(text('slow'));
    await requests(1);
    delivery.progress(text('next'));
    clock.advance(60_000);
    delivery.progress(text('latest'));
    await new Promise(setImmediate);
    expect(discord.requests).toHaveLength(1);
    release();
    await requests(2);
    release();
    expect(discord.log[1]).toBe(`${WEBHOOK} latest`);
  });

  test('keeps the preview of a state that was overtaken before it was shown', async () => {
    const delivery = deliver();
    delivery.progress(text('first'));
    await vi.waitFor(() => expect(clock.sleeping).toBe(0));
    await requests(1);
    delivery.progress(pictures('with preview', 5));
    delivery.progress(text('later'));
    await vi.waitFor(() => expect(clock.sleeping).toBe(1));
    clock.advance(1500);
    await requests(2);
    expect(discord.requests[1]).toMatchObject({
      body: { content: 'later', attachments: [{ id: '0', description: 'picture 0' }] },
      files: [{ name: '0.png', bytes: Buffer.alloc(5) }],
    });
    expect(discord.requests[0]?.body).not.toHaveProperty('attachments');
  });

  test('survives a refused edit and a broken Discord, and goes on', async () => {
    const delivery = deliver();
    discord.answer = (_request, i) =>
      i === 0 ? { status: 400, body: { code: 50035, message: 'Invalid' } } : undefined;
    delivery.progress(text('bad'));
    await vi.waitFor(() => expect(logged.join()).toContain('progress could not be shown'));
    delivery.progress(text('good'));
    await vi.waitFor(() => expect(clock.sleeping).toBe(1));
    clock.advance(1500);
    await requests(2);
    expect(delivery.signal.aborted).toBe(false);
  });

  test('stops quietly when the message was deleted, and says so to the one who draws', async () => {
    const delivery = deliver();
    discord.answer = () => ({ status: 404, body: { code: 10008, message: 'Unknown Message' } });
    delivery.progress(text('a'));
    await vi.waitFor(() => expect(delivery.signal.aborted).toBe(true));
    delivery.progress(text('b'));
    clock.advance(60_000);
    await new Promise(setImmediate);
    expect(discord.requests).toHaveLength(1);
    expect(await delivery.finish(text('done'))).toEqual({
      outcome: 'undeliverable',
      reason: 'the message was deleted',
    });
  });
});

describe('finish', () => {
  test('comes after the progress under way, replaces what waits, and nothing comes after it', async () => {
    const delivery = deliver();
    const release: (() => void)[] = [];
    discord.answer = () => new Promise((resolve) => release.push(() => resolve(undefined)));
    delivery.progress(text('under way'));
    await requests(1);
    delivery.progress(text('waiting'));
    const finished = delivery.finish(pictures('done', 10, 20));
    delivery.progress(text('late'));
    // the request under way takes longer than from one edit to the next
    clock.advance(5000);
    await new Promise(setImmediate);
    expect(discord.requests).toHaveLength(1);
    release[0]!();
    await requests(2);
    release[1]!();
    expect(await finished).toEqual({ outcome: 'delivered' });
    clock.advance(60_000);
    await new Promise(setImmediate);
    expect(discord.log).toEqual([`${WEBHOOK} under way`, `${WEBHOOK} done`]);
    expect(discord.requests[1]).toMatchObject({
      body: {
        allowed_mentions: { parse: [] },
        attachments: [
          { id: '0', filename: '0.png', description: 'picture 0' },
          { id: '1', filename: '1.png', description: 'picture 1' },
        ],
      },
      files: [{ name: '0.png' }, { name: '1.png' }],
    });
  });

  test('does not wait for the next moment of an edit', async () => {
    const delivery = deliver();
    delivery.progress(text('a'));
    await requests(1);
    delivery.progress(text('b'));
    await vi.waitFor(() => expect(clock.sleeping).toBe(1));
    expect(await delivery.finish(text('done'))).toEqual({ outcome: 'delivered' });
    expect(discord.log).toEqual([`${WEBHOOK} a`, `${WEBHOOK} done`]);
  });

  test('twice, as after a crash in between, sends the same message', async () => {
    await deliver().finish(pictures('done', 10));
    await deliver().finish(pictures('done', 10));
    expect(discord.requests[1]).toEqual(discord.requests[0]);
  });

  test('never sends the bot token to a webhook, and uses it for the channel', async () => {
    await deliver().finish(text('webhook'));
    await deliver({ interaction: false }).finish(text('channel'));
    expect(discord.requests.map(({ path, authorization }) => [path, authorization])).toEqual([
      ['/webhooks/7/token/messages/2', undefined],
      ['/channels/1/messages/2', 'Bot bot-token'],
    ]);
  });

  test('goes by the channel once the token is too old, without a try', async () => {
    const delivery = deliver();
    clock.advance(900_000);
    await delivery.finish(text('done'));
    expect(discord.log).toEqual([`${CHANNEL} done`]);
  });

  test.each([
    [401, 50027],
    [404, 10015],
    [404, 10062],
    [401, 0],
  ])('never tries a dead token (%i, %i) twice', async (status, code) => {
    const delivery = deliver();
    discord.answer = ({ path }) =>
      path.startsWith('/webhooks') ? { status, body: { code, message: 'dead' } } : undefined;
    delivery.progress(text('a'));
    await requests(2);
    expect(await delivery.finish(text('done'))).toEqual({ outcome: 'delivered' });
    expect(discord.log).toEqual([`${WEBHOOK} a`, `${CHANNEL} a`, `${CHANNEL} done`]);
  });

  test.each([
    [403, 50001, /may not see the channel: it needs the permission View Channels/],
    [403, 50013, /needs Send Messages/],
    [404, 10003, /the channel was deleted/],
    [401, 0, /check DISCORD_TOKEN/],
  ])('is undeliverable for a reason in the log where the bot may not edit (%i, %i)', async (status, code, reason) => {
    discord.answer = () => ({ status, body: { code, message: 'no' } });
    const delivery = deliver({ interaction: false });
    const result = await delivery.finish(text('done'));
    expect(result).toMatchObject({ outcome: 'undeliverable', reason: expect.stringMatching(reason) });
    expect(discord.requests).toHaveLength(1);
    expect(logged.join()).toMatch(reason);
    expect(delivery.signal.aborted).toBe(true);
  });

  test('tries again while Discord or the network is down', async () => {
    const delivery = deliver();
    // @discordjs/rest itself tries 4 times
    discord.answer = (_request, i) => (i < 5 ? { status: 503 } : undefined);
    const finished = delivery.finish(pictures('done', 10));
    await vi.waitFor(() => expect(clock.sleeping).toBe(1));
    expect(discord.requests).toHaveLength(4);
    clock.advance(1000);
    expect(await finished).toEqual({ outcome: 'delivered' });
  });

  test('gives a network that stays away back to the queue, after about a minute', async () => {
    const delivery = deliver();
    await discord.close();
    let failed = false;
    const finished = expect(delivery.finish(text('done')).finally(() => (failed = true))).rejects.toThrow(
      /ECONNREFUSED/,
    );
    const started = clock.now();
    while (!failed) {
      clock.advance(1000);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await finished;
    expect(clock.now() - started).toBeGreaterThanOrEqual(60_000);
  });

  test('throws a defect of the message, without the token in its log', async () => {
    discord.answer = () => ({ status: 400, body: { code: 50035, message: 'Invalid Form Body' } });
    await expect(deliver().finish(text('done'))).rejects.toThrow(/Invalid Form Body/);
    expect(logged.join()).not.toContain('/token');
  });
});

describe('refuse', () => {
  test('tells only the person who asked, and takes the public message away', async () => {
    const delivery = deliver();
    delivery.progress(text('drawing'));
    const result = await delivery.refuse('a.png is no picture');
    expect(result).toEqual({ outcome: 'refused', reason: 'a.png is no picture' });
    expect(discord.log).toEqual([
      `${WEBHOOK} drawing`,
      'POST /webhooks/7/token ⚠️ a.png is no picture',
      'DELETE /webhooks/7/token/messages/2',
    ]);
    expect(discord.requests[1]?.body).toMatchObject({ flags: 64, allowed_mentions: { parse: [] } });
  });

  test('is told even if the public message is gone', async () => {
    discord.answer = ({ method }) =>
      method === 'DELETE' ? { status: 404, body: { code: 10008, message: 'Unknown Message' } } : undefined;
    expect(await deliver().refuse('no')).toMatchObject({ outcome: 'refused' });
  });

  test('edits the public message where nothing ephemeral is possible', async () => {
    discord.answer = ({ path }) =>
      path.startsWith('/webhooks') ? { status: 401, body: { code: 50027, message: 'dead' } } : undefined;
    expect(await deliver().refuse('no picture')).toEqual({ outcome: 'refused', reason: 'no picture' });
    expect(await deliver({ interaction: false }).refuse('no picture')).toMatchObject({ outcome: 'refused' });
    const edited = `${CHANNEL} ⚠️ no picture`;
    expect(discord.log).toEqual(['POST /webhooks/7/token ⚠️ no picture', edited, edited]);
    expect(discord.requests[1]?.body).toMatchObject({ attachments: [] });
  });
});

describe('a picture too large', () => {
  test('is not even sent: the message names its size and the limit', async () => {
    const result = await deliver({ limit: 10 * 2 ** 20 }).finish(pictures('done', 10, 11.5 * 2 ** 20));
    expect(result).toEqual({
      outcome: 'refused',
      reason:
        'the picture 1.png has 11.5 MiB, more than Discord takes here (10.0 MiB a file): ask for fewer or smaller pictures',
    });
    expect(discord.log[0]).toMatch(/^POST \/webhooks\/7\/token ⚠️ the picture 1.png has 11.5 MiB/);
  });

  test.each([
    [413, 40005],
    [413, 0],
  ])('for Discord after all (%i, %i) is refused with what was sent', async (status, code) => {
    discord.answer = ({ files }) => (files.length > 0 ? { status, body: { code, message: 'too large' } } : undefined);
    const result = await deliver({ limit: 2 ** 20 }).finish(pictures('done', 2 ** 20, 2 ** 20));
    expect(result).toMatchObject({
      outcome: 'refused',
      reason: expect.stringContaining('the 2 pictures have 2.0 MiB'),
    });
  });
});

describe('hasEnded', () => {
  const shown = { reply: { userId: '3', interaction: undefined } };
  const answerWith = (view: MessageView) => {
    discord.answer = () => ({ status: 200, body: { id: '2', components: view.components } });
  };

  test('knows a message at its end from one that is being drawn', async () => {
    answerWith(failed(shown, 'it broke', 'abc'));
    expect(await deliver().hasEnded()).toBe(true);
    answerWith(queued(shown));
    expect(await deliver().hasEnded()).toBe(false);
    expect(discord.requests.map(({ method, path }) => `${method} ${path}`)).toEqual(
      Array(2).fill('GET /webhooks/7/token/messages/2'),
    );
  });

  test('is false where the message is gone', async () => {
    discord.answer = () => ({ status: 404, body: { code: 10008, message: 'Unknown Message' } });
    expect(await deliver({ interaction: false }).hasEnded()).toBe(false);
  });
});
