import type { APIMessage } from 'discord-api-types/v10';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Person } from '../../src/sandbox/people.ts';
import { CHANNELS, isGuildChannel, membersOf, PEOPLE } from '../../src/sandbox/world.ts';
import { Channel, type Values } from './channel.ts';

const EPHEMERAL = 64;
let channel: Channel;
let robin: Person;
let kim: Person;

beforeAll(async () => {
  channel = await Channel.open();
  ({ robin, kim } = channel.discord.people);
}, 60_000);
afterAll(() => channel?.close());
afterEach(() => expect(channel.jobs).toEqual([]));

describe('before any engine runs', () => {
  test('a drawing waits with its place in line, and only who asked can cancel it', async () => {
    await channel.command(robin, 'imagine', { prompt: 'red heart' });
    const first = await channel.newest(robin, { content: '**red heart**\n⏳ Queued' });
    await channel.command(robin, 'imagine', { prompt: 'pizza' });
    const second = await channel.newest(robin, { content: '**pizza**\n⏳ Queued · 1 ahead in line' });

    channel.press(kim, first, 'Cancel');
    const refusal = await channel.newest(kim, { flags: EPHEMERAL });
    expect(refusal.content).toBe('⚠️ only the person who asked for this drawing can cancel it');

    for (const message of [first, second]) {
      channel.press(robin, message, 'Cancel');
      await vi.waitFor(() => expect(seen(robin, message)?.content).toBe('🚫 Cancelled'));
    }
    channel.press(robin, seen(robin, first)!, 'Delete');
    await vi.waitFor(() => expect(seen(robin, first)).toBeUndefined());
    await channel.takeJobs();
  });
});

describe('/imagine', () => {
  test('is acknowledged and becomes a job that can be delivered without the bot', async () => {
    await channel.command(robin, 'imagine', {
      prompt: '  red heart ',
      seed: '0',
      steps: 12,
      guidance: '3,5',
      count: 2,
      negative: 'frame',
      prior: 'ar',
    });
    const job = await channel.nextJob();
    const { id } = await channel.newest(robin, { content: '**red heart**\n⏳ Queued' });
    expect(job).toEqual({
      version: 1,
      task: {
        kind: 'imagine',
        prompt: 'red heart',
        negativePrompt: 'frame',
        settings: { seed: 0, steps: 12, guidanceScale: 3.5, count: 2, prior: 'ar' },
      },
      reply: {
        channelId: channel.discord.channelId,
        messageId: id,
        userId: robin.id,
        interaction: {
          applicationId: channel.discord.applicationId,
          token: expect.any(String),
          expiresAt: expect.any(Number),
        },
        attachmentSizeLimit: 10 * 2 ** 20,
      },
    });
    const minutes = (job.reply.interaction!.expiresAt - Date.now()) / 60_000;
    expect(minutes).toBeGreaterThan(14);
    expect(minutes).toBeLessThanOrEqual(15);
  });

  test.each(['random', undefined])('with seed %s draws one', async (seed) => {
    await channel.command(robin, 'imagine', { prompt: 'red heart', ...(seed && { seed }) });
    const { task } = await channel.nextJob();
    expect(task).toMatchObject({ settings: { seed: expect.any(Number) } });
    expect('settings' in task && Number.isSafeInteger(task.settings.seed)).toBe(true);
  });

  test.each([
    ['an empty prompt', { prompt: ' ' }, /prompt must not be empty/],
    ['an over-long prompt', { prompt: 'x'.repeat(1001) }, /prompt must have at most 1000 characters, not 1001/],
    [
      'an over-long negative prompt',
      { prompt: 'a', negative: 'x'.repeat(1001) },
      /negative prompt must have at most 1000 characters, not 1001/,
    ],
    [
      'a fraction as seed',
      { prompt: 'a', seed: '1.5' },
      /seed must be a whole number from 0 to 9007199254740991, not 1.5/,
    ],
    ['a negative seed', { prompt: 'a', seed: '-1' }, /seed must be .*, not -1/],
    ['a seed that no number holds', { prompt: 'a', seed: '9007199254740993' }, /seed must be .*, not 9007199254740993/],
    ['a word as seed', { prompt: 'a', seed: 'Robin' }, /seed must be .*, not Robin/],
    ['no steps', { prompt: 'a', steps: 0 }, /steps must be a whole number from 1 to 250, not 0/],
    ['no number as guidance', { prompt: 'a', guidance: 'NaN' }, /guidance must be a number from 0 to 20, not NaN/],
    ['too much guidance', { prompt: 'a', guidance: '21' }, /guidance must be a number from 0 to 20, not 21/],
    ['two mistakes at once', { prompt: 'a', seed: 'x', steps: -1 }, /seed must be .*; steps must be .*, not -1/],
  ] as [string, Record<string, string | number>, RegExp][])(
    'answers %s for the person alone',
    async (_what, values, message) => {
      await channel.command(kim, 'imagine', values);
      const { id } = await channel.newest(kim, message);
      expect(seen(kim, { id })).toMatchObject({ flags: EPHEMERAL });
      expect(seen(robin, { id })).toBeUndefined();
      await kim.dismiss({ messageId: id });
    },
  );

  test('offers the own prompts first, then examples', async () => {
    await channel.command(kim, 'imagine', { prompt: 'my own heart' });
    await channel.nextJob();
    expect(await channel.choices(kim, 'heart')).toEqual([
      'my own heart',
      'red heart',
      'green heart, noto style',
      'purple heart, fluent 3d style',
    ]);
    expect(await channel.choices(robin, 'own heart')).toEqual([]);
    expect((await channel.choices(robin, '')).length).toBeLessThanOrEqual(25);
  });
});

describe('/blend', () => {
  const upload = (filename: string, bytes = Buffer.from('x')) =>
    robin.upload({ filename, bytes }, channel.discord.channelId);

  test('takes pictures, words and weights', async () => {
    const [a, b] = [await upload('a.png'), await upload('b.jpg')];
    await channel.command(robin, 'blend', { image1: a.id, image2: b.id, prompt: 'hat', weight: '2, 1 0,5' });
    const { task } = await channel.nextJob();
    expect(task).toEqual({
      kind: 'blend',
      pictures: [
        { url: a.url, name: 'a.png' },
        { url: b.url, name: 'b.jpg' },
      ],
      prompt: 'hat',
      weights: [2, 1, 0.5],
      settings: { seed: expect.any(Number) },
    });
  });

  test.each([
    ['notes.txt', '1 1', /^⚠️ image2\\: notes.txt is no picture but text\/plain.*\\: attach a PNG, JPEG, WebP or GIF$/],
    ['b.png', '-1 1', /^⚠️ weights must be numbers from 0 to 1000, not -1$/],
    ['b.png', '1 1 1', /^⚠️ a blend of 2 needs as many weights, or one from 0 to 1 for the second, not 1, 1, 1$/],
    ['b.png', '1 half', /^⚠️ weights must be numbers from 0 to 1000, not half$/],
  ])('answers %s with weights %s for the person alone', async (filename, weights, message) => {
    const [a, b] = [await upload('a.png'), await upload(filename)];
    await channel.command(robin, 'blend', { image1: a.id, image2: b.id, weight: weights });
    const { id } = await channel.newest(robin, message);
    expect(seen(kim, { id })).toBeUndefined();
    await robin.dismiss({ messageId: id });
  });
});

describe('operations on a picture', () => {
  let picture: { id: string; url: string };
  let other: { id: string; url: string };
  beforeAll(async () => {
    const upload = (filename: string) => robin.upload({ filename, bytes: Buffer.from('x') }, channel.discord.channelId);
    [picture, other] = [await upload('a.png'), await upload('b.png')];
  });
  const settings = { seed: expect.any(Number) };

  test.each<{ name: string; values: Values; task: object }>([
    {
      name: 'modify',
      values: { prompt: 'green heart', strength: '0,1 0,4', sampler: 'ddim' },
      task: {
        kind: 'modify',
        prompt: 'green heart',
        strengths: [0.1, 0.4],
        settings: { ...settings, sampler: 'ddim' },
      },
    },
    {
      name: 'restyle',
      values: { prompt: 'clay', strength: '0.7', count: 2 },
      task: { kind: 'img2img', prompt: 'clay', strength: 0.7, settings: { ...settings, count: 2 } },
    },
    { name: 'variations', values: { eta: '0.5' }, task: { kind: 'variations', settings: { ...settings, eta: 0.5 } } },
    { name: 'inpaint', values: { prompt: 'hat' }, task: { kind: 'inpaint', prompt: 'hat', settings } },
  ])('/$name', async ({ name, values, task }) => {
    await channel.command(robin, name, { image: picture.id, ...values });
    const job = await channel.nextJob();
    expect(job.task).toEqual({ pictures: [{ url: picture.url, name: 'a.png' }], ...task });
  });

  test('/inpaint with a mask, and /interpolate', async () => {
    const pictures = [
      { url: picture.url, name: 'a.png' },
      { url: other.url, name: 'b.png' },
    ];
    await channel.command(robin, 'inpaint', { image: picture.id, mask: other.id });
    expect((await channel.nextJob()).task).toEqual({ kind: 'inpaint', pictures, settings });
    await channel.command(robin, 'interpolate', { image1: picture.id, image2: other.id, frames: 8 });
    expect((await channel.nextJob()).task).toEqual({
      kind: 'interpolate',
      pictures,
      frames: 8,
      noise: 'inverted',
      settings,
    });
  });

  test.each([
    ['modify', { prompt: 'a', strength: '2' }, /^⚠️ strength must be a number from 0 to 1, not 2$/],
    ['modify', { prompt: 'a', strength: '0 0 0 0 0' }, /^⚠️ strength\\: at most 4 of them/],
    ['restyle', { strength: 'much' }, /^⚠️ strength must be a number from 0 to 1, not much$/],
    ['variations', { eta: '-1' }, /^⚠️ eta must be a number from 0 to 1, not -1$/],
  ])('/%s with %j is answered for the person alone', async (name, values, message) => {
    await channel.command(robin, name, { image: picture.id, ...values });
    const { id } = await channel.newest(robin, message);
    expect(seen(kim, { id })).toBeUndefined();
    await robin.dismiss({ messageId: id });
  });

  test('the button Modify asks in a form what the picture is to show', async () => {
    const message = await drawn(robin);
    const form = await channel.form(kim, () => channel.press(kim, message, 'Modify 2'));
    expect(form.modal.title).toBe('Modify picture 2');
    const values = { prompt: 'green heart', from: '', strength: '0.3' };
    kim.submitModal({ interactionId: form.interactionId, values });
    const { task, reply } = await channel.nextJob();
    const { url, filename } = message.attachments[1]!;
    const pictures = [{ url, name: filename }];
    expect(task).toEqual({ kind: 'modify', pictures, prompt: 'green heart', strengths: [0.3], settings });
    expect(reply).toMatchObject({ userId: kim.id, interaction: expect.anything() });
  });
});

describe.each(['button', 'reaction'] as const)('by %s', (way) => {
  let message: APIMessage;

  const act = async (person: Person, label: string, emoji: string) => {
    if (way === 'button') channel.press(person, message, label);
    else person.react({ messageId: message.id, emoji });
  };

  beforeAll(async () => {
    message = await drawn(robin);
  });

  test('variations of a picture', async () => {
    await act(kim, way === 'button' ? 'Variations 3' : '', '🎲');
    const { task, reply } = await channel.nextJob();
    const picture = message.attachments[way === 'button' ? 2 : 0]!;
    expect(task).toEqual({
      kind: 'variations',
      pictures: [{ url: picture.url, name: picture.filename }],
      settings: { seed: expect.any(Number) },
    });
    await expectReply(reply);
  });

  test('another guidance with the same seeds', async () => {
    const pictures = message.attachments.map(({ url, filename }) => ({ url, name: filename }));
    await act(kim, 'Guidance +', '➕');
    const more = await channel.nextJob();
    expect(more.task).toEqual({ kind: 'redraw', pictures, guidanceStep: 1, settings: {} });
    await act(kim, 'Guidance −', '➖');
    const less = await channel.nextJob();
    expect(less.task).toEqual({ kind: 'redraw', pictures, guidanceStep: -1, settings: {} });
    await expectReply(less.reply);
  });

  test('the same again with new seeds, also after the bot was restarted', async () => {
    await channel.stopBot();
    await channel.startBot();
    await act(kim, 'Rerun', '🔁');
    const { task, reply } = await channel.nextJob();
    expect(task).toMatchObject({ kind: 'redraw', settings: { seed: expect.any(Number) } });
    await expectReply(reply);
  }, 30_000);

  test('deleting, by nobody but who asked', async () => {
    await act(kim, 'Delete', '❌');
    if (way === 'button') {
      const { id } = await channel.newest(kim, /only the person who asked for these pictures can delete them/);
      await kim.dismiss({ messageId: id });
    }
    // the bot has dealt with the first when it has with the second
    await act(robin, 'Rerun', '🔁');
    await channel.nextJob();
    expect(seen(robin, message)).toBeDefined();

    await act(robin, 'Delete', '❌');
    await vi.waitFor(() => expect(seen(robin, message)).toBeUndefined());
  });

  /** Shown as a reply to the pictures, with who asked named where Discord doesn't. */
  async function expectReply({ messageId, userId, interaction }: Awaited<ReturnType<Channel['nextJob']>>['reply']) {
    expect(userId).toBe(kim.id);
    const reply = await vi.waitFor(() => {
      const reply = seen(kim, { id: messageId });
      expect(reply).toBeDefined();
      return reply!;
    });
    if (way === 'button') {
      expect(interaction).toBeDefined();
    } else {
      expect(interaction).toBeUndefined();
      expect(reply.message_reference?.message_id).toBe(message.id);
      expect(reply.content).toContain(`for <@${kim.id}>`);
      expect(reply.mentions).toEqual([]);
    }
  }
});

test('reactions on anything else mean nothing', async () => {
  const finished = await drawn(robin);
  await channel.command(robin, 'imagine', { prompt: 'unfinished' });
  const { reply } = await channel.nextJob();
  const chat = await robin.send({ channelId: channel.discord.channelId, content: 'hello', attachmentIds: [] });
  robin.react({ messageId: finished.id, emoji: '👍' });
  robin.react({ messageId: reply.messageId, emoji: '🎲' });
  robin.react({ messageId: chat, emoji: '🎲' });
  robin.react({ messageId: chat, emoji: '❌' });
  // events come in order: nothing came of those before this one
  robin.react({ messageId: finished.id, emoji: '🔁' });
  expect((await channel.nextJob()).task.kind).toBe('redraw');
  expect(seen(robin, { id: chat })).toBeDefined();
});

test('an unfinished drawing can be taken away with ❌ by who asked for it', async () => {
  await channel.command(robin, 'imagine', { prompt: 'unfinished' });
  const { reply } = await channel.nextJob();
  robin.react({ messageId: reply.messageId, emoji: '❌' });
  await vi.waitFor(() => expect(seen(robin, { id: reply.messageId })).toBeUndefined());
});

const withRobin = CHANNELS.filter((one) => !isGuildChannel(one) && membersOf(one).includes(PEOPLE[0]!.id));
const [withBot, betweenPeople] = withRobin.map(({ id }) => id);

describe('a private channel', () => {
  test.each([
    ['with the bot', withBot!],
    ['of two people, where the bot is no member', betweenPeople!],
  ])('%s has commands and buttons', async (_where, channelId) => {
    await channel.command(robin, 'imagine', { prompt: 'red heart' }, channelId);
    const job = await channel.nextJob();
    expect(job.reply.channelId).toBe(channelId);
    await channel.finish(job);
    const message = await channel.newest(robin, { id: job.reply.messageId }, channelId);
    expect(message.attachments).toHaveLength(4);
    channel.press(robin, message, 'Variations 4');
    const { task, reply } = await channel.nextJob();
    expect(task).toMatchObject({ kind: 'variations', pictures: [{ url: message.attachments[3]!.url }] });
    expect(reply.channelId).toBe(channelId);
    channel.press(robin, message, 'Delete');
    await vi.waitFor(() => expect(robin.messages(channelId).map(({ id }) => id)).not.toContain(message.id));
  });
});

test('a reaction in a private channel works as well', async () => {
  await channel.command(robin, 'imagine', { prompt: 'red heart' }, withBot);
  const job = await channel.nextJob();
  await channel.finish(job);
  robin.react({ messageId: job.reply.messageId, emoji: '🔁' });
  const again = await channel.nextJob();
  expect(again.reply).toMatchObject({ channelId: withBot, userId: robin.id });
  expect(again.reply).not.toHaveProperty('interaction');
});

test('pings nobody, whatever the prompt says', async () => {
  await channel.command(robin, 'imagine', { prompt: `@everyone <@${kim.id}>` });
  const { reply } = await channel.nextJob();
  expect(seen(kim, { id: reply.messageId })).toMatchObject({ mentions: [], mention_everyone: false });
});

async function drawn(person: Person): Promise<APIMessage> {
  await channel.command(person, 'imagine', { prompt: 'red heart' });
  const job = await channel.nextJob();
  await channel.finish(job);
  return seen(person, { id: job.reply.messageId })!;
}

function seen(person: Person, { id }: { id: string }): APIMessage | undefined {
  return person.messages(channel.discord.channelId).find((message) => message.id === id);
}
